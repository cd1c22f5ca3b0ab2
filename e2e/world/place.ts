// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Finished, type Line, must, Running, run, type StartOptions } from './running.ts'

/** Built by `make`; the application in a pod. */
export const DIAL = join(import.meta.dirname, '../../build/e2e/dial')

/** What `dial connect` prints for one connection. Addresses are "10.0.0.1:80" or "[fd00::1]:80". */
export interface Connected {
  readonly ok: boolean
  /** Name of the error, "ECONNREFUSED"; "TIMEOUT" when only our own patience ended. */
  readonly errno?: string
  /** What failed: socket, setsockopt, bind or connect. */
  readonly stage?: string
  readonly ms: number
  /** When connect() was called, in ms since the epoch. */
  readonly at: number
  readonly local?: string | null
  /** getpeername(). */
  readonly peer?: string | null
  /** The first line that the server sent: from `serve`, "hello peer=... local=... pod=...". */
  readonly data?: string
  /** How that line ended: line, eof, or an error's name. */
  readonly ended?: string
  /** Results of --set-after. */
  readonly after?: readonly { readonly option: string; readonly ok: boolean; readonly errno?: string }[]
  /** Datagrams only: who answered. */
  readonly from?: string | null
}

/** What `dial connect --count` prints: milliseconds are those of connect() alone. */
export interface Tally {
  readonly ok: boolean
  readonly count: number
  readonly connected: number
  /** Connections on which a first line came. */
  readonly greeted: number
  readonly errors: Readonly<Record<string, number>>
  /** Of all together. */
  readonly ms: number
  readonly p50?: number
  readonly p99?: number
  readonly min?: number
  readonly max?: number
}

/** A connection as the server saw it. `at`: ms since the epoch. */
export interface Seen {
  readonly event: 'connection' | 'datagram'
  readonly peer: string
  readonly local: string
  readonly at: number
}

export class Server extends Running {
  /** Connections accepted so far, oldest first. */
  get seen(): Seen[] {
    const seen = this.lines.filter(({ event }) => event === 'connection' || event === 'datagram')
    return seen as unknown as Seen[]
  }

  /** Peer hosts, without ports and brackets. */
  get peers(): string[] {
    return this.seen.map(({ peer }) => host(peer))
  }
}

/** "10.0.0.1" of "10.0.0.1:80", "fd00::1" of "[fd00::1]:80". */
export function host(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** Clients and servers that were started and keep running, or did. */
export const applications = new Set<Running>()

function noted<R extends Running>(application: R): R {
  applications.add(application)
  return application
}

/** A cgroup and a network namespace in which processes are started: a pod, the host, the kubelet. */
export class Place {
  readonly name: string
  /** Absolute path of the cgroup that the processes join. */
  cgroup: string
  /** Name below /var/run/netns; "-" is the host's. */
  netns: string

  constructor(name: string, cgroup: string, netns: string) {
    this.name = name
    this.cgroup = cgroup
    this.netns = netns
  }

  async makeCgroup(): Promise<void> {
    await mkdir(this.cgroup, { recursive: true })
  }

  /** The command line that runs `argv` here: the cgroup is joined before anything else happens. */
  argv(argv: readonly (string | number)[]): string[] {
    return [DIAL, 'enter', this.cgroup, this.netns, '--', ...argv.map(String)]
  }

  /** Runs a command here to its end; a bad exit is in the result. */
  exec(
    argv: readonly (string | number)[],
    options: StartOptions & { input?: string } = {}
  ): Promise<Finished> {
    return run(this.argv(argv), options)
  }

  /** Starts a command here that keeps running. Its pid is the command's own. */
  spawn(argv: readonly (string | number)[], options: StartOptions = {}): Running {
    return new Running(this.argv(argv), options)
  }

  /** Runs `dial <args>` here. @throws when it prints no line. Gives the last line. */
  async dial(...args: readonly (string | number)[]): Promise<Line> {
    const lines = await this.dialAll(...args)
    const last = lines.at(-1)
    if (last === undefined) throw new Error('no line')
    return last
  }

  /** Every line of `dial <args>`. @throws on wrong usage or when it prints none. */
  async dialAll(...args: readonly (string | number)[]): Promise<readonly Line[]> {
    const { lines, code, signal, stderr } = await this.exec([DIAL, ...args])
    if (lines.length > 0) return lines
    throw new Error(`dial ${args.join(' ')} in ${this.name}: exit ${code ?? signal}: ${stderr}`)
  }

  /** One connection; see `dial` without arguments for the options. Never rejects for a refused connection. */
  async connect(address: string, port: number, ...options: readonly (string | number)[]): Promise<Connected> {
    return (await this.dial('connect', address, port, ...options)) as unknown as Connected
  }

  /** `count` connections, one after the other. */
  async connectMany(
    address: string,
    port: number,
    count: number,
    ...options: readonly (string | number)[]
  ): Promise<Tally> {
    return (await this.dial('connect', address, port, '--count', count, ...options)) as unknown as Tally
  }

  /** `dial <args>` that keeps running: connect --hold, --each, --wait-line, receive-socket. */
  startDial(...args: readonly (string | number)[]): Running {
    return noted(this.spawn([DIAL, ...args]))
  }

  /** A server on a port, v4 and v6; resolves when it listens. Greets with this place's name. */
  async serve(port: number, ...options: readonly (string | number)[]): Promise<Server> {
    const server = noted(new Server(this.argv([DIAL, 'serve', port, '--name', this.name, ...options])))
    await server.waitForEvent('listening')
    return server
  }

  /** SO_NETNS_COOKIE. Asked from outside the cgroup, so that no process of the pod is seen. */
  async cookie(): Promise<bigint> {
    const { lines } = await must([DIAL, 'enter', '-', this.netns, '--', DIAL, 'netns-cookie'])
    return BigInt(lines[0]?.cookie as string)
  }

  /** Runs `ip` in this network namespace, from outside the cgroup. @throws when it fails. */
  async ip(...args: readonly (string | number)[]): Promise<string> {
    const where = this.netns === '-' ? [] : ['-n', this.netns]
    return (await must(['ip', ...where, ...args.map(String)])).stdout
  }

  /** Reads (or writes) a sysctl of this network namespace: `net.ipv4.tcp_syncookies`. */
  async sysctl(name: string, value?: string | number): Promise<string> {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`
    const command = value === undefined ? ['cat', path] : ['tee', path]
    const argv = [DIAL, 'enter', '-', this.netns, '--', ...command]
    return (await must(argv, value === undefined ? '' : String(value))).stdout.trim()
  }

  /** Moves a running process into this cgroup; its network namespace stays what it is. */
  async adopt(pid: number): Promise<void> {
    await writeFile(join(this.cgroup, 'cgroup.procs'), String(pid))
  }

  /** Process ids in this cgroup itself. */
  async processes(): Promise<number[]> {
    const text = await readFile(join(this.cgroup, 'cgroup.procs'), 'utf8')
    return text.split('\n').filter(Boolean).map(Number)
  }
}
