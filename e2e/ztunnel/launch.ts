// SPDX-License-Identifier: Apache-2.0
// Runs a ztunnel in a world: the stand-in, or with ZTUNNEL_BIN a real one.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Place } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import type { Exit, Line, Running } from '../world/running.ts'
import type { World } from '../world/world.ts'
import { type Connection, fromStandIn, fromZtunnel } from './connection.ts'

/** Built by `make`. */
export const STAND_IN = join(import.meta.dirname, '../../build/e2e/ztunnel')

export interface ZtunnelOptions {
  /** A real ztunnel; default: ZTUNNEL_BIN, else the stand-in. */
  readonly binary?: string
  /** The stand-in even if ZTUNNEL_BIN is set: for what only it can do. */
  readonly standIn?: boolean
  /** How the stand-in misbehaves: no-hello, garbage-hello, hang, garbage, nack, close. */
  readonly fault?: string
  readonly env?: Record<string, string>
  /** Where it runs. Default: the cgroup and network namespace "ztunnel" of the world, made once. */
  readonly place?: Place
  /** Pods that other ztunnels reach by HBONE; real ztunnel only. Default none: plain TCP, as the stand-in does. */
  readonly hbone?: readonly Pod[]
}

type Wanted = Partial<Omit<Connection, 'src'>> & { readonly src?: string | RegExp }

const places = new WeakMap<World, Promise<Place>>()

function placeOf(world: World): Promise<Place> {
  const made = places.get(world) ?? world.component('ztunnel')
  places.set(world, made)
  return made
}

/** The local configuration of a real ztunnel: read once, at its start; it closes connections of unknown pods. */
function workloads(world: World, hbone: readonly Pod[]): string {
  const known = world.pods.map((pod) => ({
    uid: `cluster1//v1/Pod/${pod.namespace}/${pod.name}`,
    name: pod.name,
    namespace: pod.namespace,
    serviceAccount: pod.options.serviceAccount ?? pod.name,
    workloadIps: [pod.ipv4, pod.ipv6].filter(Boolean),
    protocol: hbone.includes(pod) ? 'HBONE' : 'TCP',
    node: 'local',
    network: '',
    services: {}
  }))
  return stringify({ workloads: known, policies: [], services: [] })
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
  async waitForConnection(wanted: Wanted, timeoutMs = 5000): Promise<Connection> {
    const complete = { event: 'opened', ...wanted } as const
    const line = await this.#process.waitFor((candidate) => {
      const connection = this.#parse(candidate)
      return connection !== undefined && matches(connection, complete)
    }, timeoutMs)
    return this.#parse(line) as Connection
  }

  /** The stand-in's own events: "started" of a pod, "disconnected" and so on. */
  waitFor(matching: (line: Line) => boolean, timeoutMs = 5000): Promise<Line> {
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
    const env = options.fault === undefined ? common : { STAND_IN_FAULT: options.fault, ...common }
    return new Ztunnel(place.spawn([STAND_IN], { env }), place, false)
  }
  const xds = join(world.runDirectory, 'ztunnel-local.yaml')
  await writeFile(xds, workloads(world, options.hbone ?? []))
  const env = {
    NODE_NAME: 'local',
    PROXY_MODE: 'shared',
    FAKE_CA: 'true',
    XDS_ADDRESS: '',
    LOCAL_XDS_PATH: xds,
    LOG_FORMAT: 'json',
    RUST_LOG: 'info,access=debug',
    ...common
  }
  return new Ztunnel(place.spawn([binary], { env }), place, true)
}
