// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { Descriptor, type OwnedDescriptor } from './descriptor.ts'
import { closedError, invalidArgument, type NativeError, toNativeError } from './error.ts'
import { Turns } from './turns.ts'

export type Family = 'ipv4' | 'ipv6'

/** An address of an interface. `tentative`: duplicate address detection has not ended (IPv6). */
export interface Address {
  family: Family
  address: string
  prefixLength: number
  interfaceIndex: number
  interfaceName: string
  scope: 'global' | 'link' | 'host' | 'site' | 'other'
  tentative: boolean
}

/** A policy routing rule. `mask` defaults to all 32 bits; `protocol` says who made the rule (rtnetlink(7), RTPROT_*). */
export interface Rule {
  family: Family
  priority: number
  mark?: number
  mask?: number
  table?: number
  action: 'lookup' | 'unreachable' | 'other'
  protocol?: number
  /** Read only: it selects or does something that the members above cannot say. */
  foreign?: boolean
  /** Read only: one line, as `ip rule` prints it. */
  description?: string
}

/** A route without a gateway. `destination`: 'default', an address (a host route) or address/length. */
export interface Route {
  family: Family
  table: number
  type: 'local' | 'unicast' | 'other'
  destination: string
  source?: string
  interfaceName?: string
  protocol?: number
  scope?: string
}

/** Spared by a destruction: by mark, or whatever has IP_TRANSPARENT or was accepted by a listener that has it. */
export type SparedSockets = { readonly mark: number; readonly mask: number } | { readonly transparent: true }

/** A TCP socket in LISTEN. `transparent` undefined: the kernel does not tell. */
export interface Listener {
  port: number
  transparent: boolean | undefined
  mark: number
  /** Of the socket, as in `/proc/<pid>/fd`: "socket:[inode]". */
  inode: number
}

/**
 * A table of nf_tables or of the legacy iptables. iptables-nft writes nft tables of the same names. `translates`: a rule
 * of it changes destinations (DNAT).
 */
export interface FirewallTable {
  kind: 'nft' | 'legacy'
  family: Family | 'other'
  name: string
  chains: string[]
  translates: boolean
}

export type NetnsOperation =
  | { op: 'cookie' }
  | { op: 'addresses' }
  | { op: 'rules'; family: Family }
  | { op: 'add-rule'; rule: Rule }
  | { op: 'delete-rule'; rule: Rule }
  | { op: 'routes'; family: Family; table: number }
  | { op: 'replace-route'; route: Route }
  | { op: 'delete-route'; route: Route }
  | { op: 'get-sysctl'; name: string }
  | { op: 'set-sysctl'; name: string; value: string }
  | { op: 'connections' }
  | { op: 'count-sockets'; mark: number; mask: number }
  | { op: 'destroy-sockets'; except: readonly SparedSockets[] }
  | { op: 'listeners'; ports: readonly number[] }
  | { op: 'link-flags'; name: string }
  | { op: 'firewall'; nft: boolean }
  | { op: 'firewall-generation'; nft: boolean }
  | { op: 'forwarded' }

interface Results {
  /** SO_NETNS_COOKIE; the key that BPF programs see. */
  cookie: bigint
  addresses: Address[]
  rules: Rule[]
  /** False: an identical rule was there. */
  'add-rule': boolean
  /** False: it was not there. Without `protocol` a rule of any protocol is deleted. */
  'delete-rule': boolean
  routes: Route[]
  'replace-route': undefined
  /** False: it was not there. */
  'delete-route': boolean
  /** Undefined: there is no such sysctl. */
  'get-sysctl': string | undefined
  /** The previous value; the same value is not written again. */
  'set-sysctl': string
  /**
   * TCP sockets, except LISTEN, TIME_WAIT and CLOSE, in records of 36 bytes: local address, remote address (IPv4 as
   * ::ffff:a.b.c.d), local port, remote port; network order.
   */
  connections: Uint8Array
  /** TCP sockets with that mark, except LISTEN, TIME_WAIT and CLOSE. */
  'count-sockets': number
  /**
   * How many TCP connections were reset (SOCK_DESTROY, CONFIG_INET_DIAG_DESTROY). Listeners, and connections whose ends
   * are both loopback or addresses of the namespace, are never touched. MPTCP loses its subflows, but its socket tells
   * only after net.mptcp.close_timeout.
   */
  'destroy-sockets': number
  /** TCP listeners on these ports, of both families. */
  listeners: Listener[]
  /** Undefined: there is no such interface. */
  'link-flags': { up: boolean; index: number } | undefined
  /** No table is made by asking. `nft`: ask nf_tables too, which loads its module where the kernel has it as one. */
  firewall: FirewallTable[]
  /** Another text when the tables may have changed. */
  'firewall-generation': string
  /** IP packets that the namespace has forwarded. */
  forwarded: { ipv4: number; ipv6: number }
}

export type NetnsResult<O extends NetnsOperation> = Results[O['op']]
export type NetnsResults<T extends readonly NetnsOperation[]> = {
  -readonly [I in keyof T]: NetnsResult<T[I]>
}

/** What a watch reports: some address, rule, route or link was added, changed or removed. */
export type NetnsChange = 'address' | 'rule' | 'route' | 'link'

type Settle = (failure: unknown, results: unknown[] | undefined) => void

const native = bindings<{
  openNetns(path: string): { handle: object; fd: number; inode: number }
  closeNetns(handle: object): void
  runInNetns(handle: object, operations: readonly object[], settle: Settle): void
  startNetnsWatch(handle: object, onChange: (bits: number) => void): void
  closeNetnsWatch(handle: object): void
}>()

/** Each run is a thread: hundreds that begin together would keep the event loop from the processor. */
const threads = new Turns(4)

/** In the order of the bits in native/src/netlink_watch.hpp. */
const CHANGES: readonly NetnsChange[] = ['address', 'rule', 'route', 'link']

/** A subscription to the changes of a network namespace. Keeps the namespace and the process alive until closed. */
export class NetnsWatch {
  readonly #handle: object
  #closed = false

  /** Made by `Netns.watch`. */
  constructor(handle: object, onChange: (what: NetnsChange) => void) {
    this.#handle = handle
    native.startNetnsWatch(handle, (bits) => {
      for (const [bit, change] of CHANGES.entries()) {
        if (bits & (1 << bit) && !this.#closed) onChange(change)
      }
    })
  }

  close(): void {
    this.#closed = true
    native.closeNetnsWatch(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A network namespace, kept alive until closed. */
export class Netns {
  readonly inode: number
  readonly #fd: number
  readonly #handle: object
  #closed = false

  private constructor(opened: { handle: object; fd: number; inode: number }) {
    this.inode = opened.inode
    this.#fd = opened.fd
    this.#handle = opened.handle
  }

  /**
   * Opens e.g. `/proc/<pid>/ns/net` or `/run/netns/<name>`.
   * Throws ENETNS_GONE (nothing there), ENETNS_TYPE (something else), ENETNS_PERMISSION, ENETNS_OPEN.
   */
  static open(path: string): Netns {
    return new Netns(native.openNetns(path))
  }

  /** The descriptor; it stays this object's. */
  get fd(): number {
    if (this.#closed) throw closedError('netns')
    return this.#fd
  }

  /**
   * Performs the operations in order on one thread inside the namespace, a few runs at once. The first that fails
   * rejects, with a message that names it, and the rest is not performed: ENETNS_FAMILY (no IPv6 there), ENETNS_PERMISSION, ENETNS_UNSUPPORTED
   * (the kernel lacks it), ENETNS_OPERATION (see `errno` and `syscall`), ENETNS_ENTER (setns), EINVALID_ARGUMENT and ECLOSED (nothing was performed).
   */
  async run<const T extends readonly NetnsOperation[]>(operations: T): Promise<NetnsResults<T>> {
    return (await this.#run(operations)) as NetnsResults<T>
  }

  /** Calls `onChange` once per kind and wake-up; after an overflow, for every kind. Resolves when changes count. */
  async watch(onChange: (what: NetnsChange) => void): Promise<NetnsWatch> {
    if (typeof onChange !== 'function') throw invalidArgument('a function', 'onChange', onChange)
    const [handle] = await this.#run([{ op: 'watch' }])
    return new NetnsWatch(handle as object, onChange)
  }

  /**
   * A transparent listener of both families that leaves every SYN unanswered, so that a client tries again, for socket
   * maps: it is bound to an address that nobody has, and gets nothing unless it is assigned.
   * @param port 0, or where it is taken: one that the kernel chooses
   */
  async muteListener(port = 0): Promise<Descriptor> {
    const [owned] = await this.#run([{ op: 'mute-listener', port }])
    return new Descriptor(owned as OwnedDescriptor)
  }

  #run(operations: readonly object[]): Promise<unknown[]> {
    return threads.take(
      () =>
        new Promise((resolve, reject) => {
          native.runInNetns(this.#handle, operations, (failure, results) => {
            if (results !== undefined) resolve(results)
            else reject(toNativeError(failure) as NativeError)
          })
        })
    )
  }

  /** Runs and watches that have begun are not affected; what still waits for its turn rejects with ECLOSED. */
  close(): void {
    this.#closed = true
    native.closeNetns(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
