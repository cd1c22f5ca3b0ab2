// SPDX-License-Identifier: Apache-2.0
// Runs a ztunnel in a world: the stand-in, or with ZTUNNEL_BIN a real one.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Place } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import { type Exit, type Line, PATIENCE, type Running } from '../world/running.ts'
import type { World } from '../world/world.ts'
import { addressOf } from './answer.ts'
import { type Connection, fromStandIn, fromZtunnel } from './connection.ts'

/** Built by `make`. */
export const STAND_IN = join(import.meta.dirname, '../../build/e2e/ztunnel')

export interface ZtunnelOptions {
  /** A real ztunnel; default: ZTUNNEL_BIN, else the stand-in. */
  readonly binary?: string
  /** The stand-in even if ZTUNNEL_BIN is set: for what only it can do. */
  readonly standIn?: boolean
  /** How the stand-in misbehaves: no-hello, garbage-hello, hang, garbage, nack, close, own-mark. */
  readonly fault?: string
  readonly env?: Record<string, string>
  /** Where it runs. Default: the cgroup and network namespace "ztunnel" of the world, made once. */
  readonly place?: Place
  /** Pods that other ztunnels reach by HBONE; real ztunnel only. Default none: plain TCP, as the stand-in does. */
  readonly hbone?: readonly Pod[]
  /** False: its resolver listens in no pod. */
  readonly dns?: false
  /** Names "x.cluster.local" that it answers itself, as `addressOf` says; the stand-in answers all of them. */
  readonly hostnames?: readonly string[]
  /** Services with the pod behind each, by such a name: port 8080 at `addressOf` the name is the pod's. */
  readonly services?: Readonly<Record<string, Pod>>
  /** Inbound connections without a certificate are denied, in every pod. */
  readonly strict?: true
  /** An address: other names are asked there, from the pod. Default: the machine's; the stand-in answers them too. */
  readonly resolver?: string
}

const SERVICE_PORTS = new Map([[8080, 8080]])

/** Stands for a tagged value of YAML. */
const PRESENT = 'PRESENT'

/** What istiod makes of a PeerAuthentication of mode STRICT. */
const STRICT = {
  name: 'strict',
  namespace: '',
  scope: 'Global',
  action: 'Deny',
  rules: [[[{ notPrincipals: [PRESENT] }]]],
  dryRun: false
}

type Wanted = Partial<Omit<Connection, 'src' | 'error'>> & {
  readonly src?: string | RegExp
  readonly error?: string | RegExp
}

const places = new WeakMap<World, Promise<Place>>()

function placeOf(world: World): Promise<Place> {
  const made = places.get(world) ?? world.component('ztunnel')
  places.set(world, made)
  return made
}

/** The local configuration of a real ztunnel: read once, at its start; it closes connections of unknown pods. */
function localConfig(world: World, options: ZtunnelOptions): string {
  const { hbone = [], hostnames = [], services: behind = {}, strict } = options
  const known = world.pods.map((pod) => ({
    uid: `cluster1//v1/Pod/${pod.namespace}/${pod.name}`,
    name: pod.name,
    namespace: pod.namespace,
    serviceAccount: pod.options.serviceAccount ?? pod.name,
    workloadIps: [pod.ipv4, pod.ipv6].filter(Boolean),
    protocol: hbone.includes(pod) ? 'HBONE' : 'TCP',
    node: 'local',
    network: '',
    services: Object.fromEntries(
      Object.entries(behind)
        .filter(([, served]) => served === pod)
        .map(([hostname]) => [`default/${hostname}`, SERVICE_PORTS])
    )
  }))
  const services = [...hostnames, ...Object.keys(behind)].map((hostname, index) => ({
    name: `service${index}`,
    namespace: 'default',
    hostname,
    vips: [addressOf(hostname, 'ztunnel', 'ipv4'), addressOf(hostname, 'ztunnel', 'ipv6')].map(
      (ip) => `/${ip}`
    ),
    ports: SERVICE_PORTS
  }))
  const text = stringify({ workloads: known, policies: strict ? [STRICT] : [], services })
  return text.replace(PRESENT, '!Presence []')
}

function standInEnv(options: ZtunnelOptions): Record<string, string> {
  const { fault, dns, resolver, services = {}, strict } = options
  const behind = Object.entries(services).flatMap(([hostname, pod]) =>
    (['ipv4', 'ipv6'] as const).map((family) => `${addressOf(hostname, 'ztunnel', family)}=${pod[family]}`)
  )
  return {
    ...(fault === undefined ? {} : { STAND_IN_FAULT: fault }),
    ...(dns === undefined ? {} : { STAND_IN_DNS: 'off' }),
    ...(resolver === undefined ? {} : { STAND_IN_RESOLVER: resolver }),
    ...(behind.length === 0 ? {} : { STAND_IN_SERVICES: behind.join(',') }),
    ...(strict ? { STAND_IN_STRICT: '1' } : {})
  }
}

/** The command that finds this resolver, and no other, in /etc/resolv.conf. */
async function withResolver(world: World, binary: string, resolver: string | undefined): Promise<string[]> {
  if (resolver === undefined) return [binary]
  const path = join(world.runDirectory, 'ztunnel-resolv.conf')
  await writeFile(path, `nameserver ${resolver}\n`)
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$1"'
  return ['unshare', '--mount', 'sh', '-c', script, path, binary]
}

export class Ztunnel {
  readonly real: boolean
  readonly place: Place
  readonly #process: Running
  readonly #parse: (line: Line) => Connection | undefined

  constructor(process: Running, place: Place, real: boolean) {
    this.#process = process
    this.place = place
    this.real = real
    this.#parse = real ? fromZtunnel : fromStandIn
  }

  get pid(): number {
    return this.#process.pid
  }

  get running(): boolean {
    return this.#process.running
  }

  get exited(): Promise<Exit> {
    return this.#process.exited
  }

  /** Everything it said, parsed; the stand-in: {event: add | started | opened | ...}. */
  get lines(): readonly Line[] {
    return this.#process.lines
  }

  get output(): string {
    return this.#process.stdout + this.#process.stderr
  }

  /** Connections so far, oldest first; each is told when it opens and when it is complete. */
  get connections(): Connection[] {
    return this.#process.lines.map(this.#parse).filter((connection) => connection !== undefined)
  }

  /** Connections that opened and are such. Ports are compared too: `dst: '10.0.0.3:8080'`. */
  opened(wanted: Wanted = {}): Connection[] {
    return this.connections.filter((connection) => matches(connection, { event: 'opened', ...wanted }))
  }

  /** A connection, past or future; default: one that opened. @throws after `timeoutMs`. */
  async waitForConnection(wanted: Wanted, timeoutMs = PATIENCE): Promise<Connection> {
    const complete = { event: 'opened', ...wanted } as const
    const line = await this.#process.waitFor((candidate) => {
      const connection = this.#parse(candidate)
      return connection !== undefined && matches(connection, complete)
    }, timeoutMs)
    return this.#parse(line) as Connection
  }

  /** The stand-in's own events: "started" of a pod, "disconnected" and so on. */
  waitFor(matching: (line: Line) => boolean, timeoutMs = PATIENCE): Promise<Line> {
    return this.#process.waitFor(matching, timeoutMs)
  }

  pause(): void {
    this.#process.signal('SIGSTOP')
  }

  resume(): void {
    this.#process.signal('SIGCONT')
  }

  stop(): Promise<Exit> {
    return this.#process.stop()
  }

  kill9(): Promise<Exit> {
    return this.#process.stop('SIGKILL')
  }
}

function matches(connection: Connection, wanted: Wanted): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const actual = connection[key as keyof Connection]
    return value instanceof RegExp ? value.test(String(actual)) : actual === value
  })
}

/** Starts a ztunnel that dials the world's ZDS socket, and resolves at once: it waits for the agent by itself. */
export async function startZtunnel(world: World, options: ZtunnelOptions = {}): Promise<Ztunnel> {
  const place = options.place ?? (await placeOf(world))
  const binary = options.standIn ? undefined : (options.binary ?? process.env.ZTUNNEL_BIN)
  const common = { INPOD_UDS: world.zdsSocket, ...options.env }
  if (!binary) {
    const env = { ...standInEnv(options), ...common }
    return new Ztunnel(place.spawn([STAND_IN], { env }), place, false)
  }
  const xds = join(world.runDirectory, 'ztunnel-local.yaml')
  await writeFile(xds, localConfig(world, options))
  const env = {
    NODE_NAME: 'local',
    PROXY_MODE: 'shared',
    FAKE_CA: 'true',
    XDS_ADDRESS: '',
    LOCAL_XDS_PATH: xds,
    LOG_FORMAT: 'json',
    RUST_LOG: 'info,access=debug',
    ...(options.dns === undefined ? {} : { ISTIO_META_DNS_CAPTURE: 'false' }),
    ...common
  }
  const argv = await withResolver(world, binary, options.resolver)
  return new Ztunnel(place.spawn(argv, { env }), place, true)
}
