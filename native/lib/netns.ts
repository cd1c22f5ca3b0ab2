// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { Descriptor, type OwnedDescriptor } from './descriptor.ts'
import { closedError, invalidArgument, type NativeError, toNativeError } from './error.ts'
import type { NetnsOperation, NetnsResults } from './netns-operation.ts'
import { Turns } from './turns.ts'

export type * from './netns-operation.ts'

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
   * (the kernel lacks it), ENETNS_TOO_LARGE (more than 1 MiB of rules, routes or addresses, 8 of a firewall, 32 of
   * sockets), ENETNS_OPERATION (see `errno` and `syscall`), ENETNS_ENTER (setns), EINVALID_ARGUMENT and ECLOSED (nothing
   * was performed).
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
