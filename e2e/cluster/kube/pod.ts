// SPDX-License-Identifier: Apache-2.0
// A pod of a test and what is asked of it.

import type { V1Pod, V1PodSpec, V1Probe } from '@kubernetes/client-node'
import type { Connected, Tally } from '../../world/place.ts'
import type { Line, Running } from '../../world/running.ts'
import { APP_IMAGE } from '../images/own.ts'
import type { Api } from './api.ts'
import type { CommandLine } from './kubectl.ts'
import { type Patience, until } from './until.ts'

export interface AppOptions {
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  /** Default: `dial serve 8080`, which greets every connection with the pod's name. */
  readonly command?: readonly string[]
  readonly readiness?: V1Probe
  readonly liveness?: V1Probe
  /** Merged over the pod's specification. */
  readonly spec?: Partial<V1PodSpec>
}

/** The specification of a pod with one container of the application's image. */
export function appSpec(name: string, options: AppOptions = {}): V1PodSpec {
  const { command = ['dial', 'serve', '8080', '--name', name], readiness, liveness, spec } = options
  return {
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'app',
        image: APP_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        command: [...command],
        ...(readiness === undefined ? {} : { readinessProbe: readiness }),
        ...(liveness === undefined ? {} : { livenessProbe: liveness })
      }
    ],
    ...spec
  }
}

export class Pod {
  readonly namespace: string
  readonly name: string
  readonly #api: Api
  readonly #kubectl: CommandLine

  constructor(api: Api, kubectl: CommandLine, namespace: string, name: string) {
    this.#api = api
    this.#kubectl = kubectl
    this.namespace = namespace
    this.name = name
  }

  get path(): string {
    return `/api/v1/namespaces/${this.namespace}/pods/${this.name}`
  }

  async object(): Promise<V1Pod | undefined> {
    return await this.#api.find<V1Pod>(this.path)
  }

  /** Asks until the pod is such. */
  until(what: string, satisfied: (pod: V1Pod) => boolean, patience?: Patience): Promise<V1Pod> {
    const told = `pod ${this.namespace}/${this.name}: ${what}`
    const found = until(
      told,
      () => this.object(),
      (pod) => pod !== undefined && satisfied(pod),
      patience
    )
    return found as Promise<V1Pod>
  }

  untilReady(patience?: Patience): Promise<V1Pod> {
    return this.until('ready', isReady, patience)
  }

  async annotate(key: string, value: string | null): Promise<void> {
    await this.#api.ask('PATCH', this.path, { metadata: { annotations: { [key]: value } } })
  }

  async label(key: string, value: string | null): Promise<void> {
    await this.#api.ask('PATCH', this.path, { metadata: { labels: { [key]: value } } })
  }

  /** The addresses of a running pod, IPv4 first. */
  async addresses(): Promise<string[]> {
    const pod = await this.until('has addresses', ({ status }) => (status?.podIPs ?? []).length > 0)
    return (pod.status?.podIPs ?? []).map(({ ip }) => ip ?? '')
  }

  #execArguments(argv: readonly (string | number)[], container?: string): string[] {
    const where = container === undefined ? [] : ['--container', container]
    return ['exec', '--namespace', this.namespace, this.name, ...where, '--', ...argv.map(String)]
  }

  /** Runs a command in the pod. @throws when it fails; gives stdout. */
  async exec(argv: readonly (string | number)[], container?: string): Promise<string> {
    return await this.#kubectl.must(this.#execArguments(argv, container))
  }

  start(argv: readonly (string | number)[], container?: string): Running {
    return this.#kubectl.start(this.#execArguments(argv, container))
  }

  /** As `start`, and it reads what is written to it. */
  converse(argv: readonly (string | number)[]): Running {
    const [exec = '', ...rest] = this.#execArguments(argv)
    return this.#kubectl.start([exec, '--stdin', ...rest])
  }

  /** The last line of `dial <args>` in the pod; a refused connection is a result. */
  async dial(...args: readonly (string | number)[]): Promise<Line> {
    const { lines, stdout, stderr } = await this.start(['dial', ...args]).finished()
    const last = lines.at(-1)
    if (last === undefined) throw new Error(`dial ${args.join(' ')} in ${this.name}: ${stdout}${stderr}`)
    return last
  }

  async connect(address: string, port: number, ...options: readonly (string | number)[]): Promise<Connected> {
    return (await this.dial('connect', address, port, ...options)) as unknown as Connected
  }

  async connectMany(
    address: string,
    port: number,
    count: number,
    ...options: readonly (string | number)[]
  ): Promise<Tally> {
    return (await this.dial('connect', address, port, '--count', count, ...options)) as unknown as Tally
  }

  /** What the application printed. */
  async log(): Promise<string> {
    return await this.#api.text('GET', `${this.path}/log?limitBytes=10000000`)
  }

  /** Deletes it and waits until it is gone. */
  async remove(): Promise<void> {
    const uid = (await this.object())?.metadata?.uid
    await this.#api.ask('DELETE', this.path, { gracePeriodSeconds: 1 })
    await until(
      `pod ${this.name} is gone`,
      () => this.object(),
      (pod) => pod?.metadata?.uid !== uid
    )
  }
}

export function isReady({ status }: V1Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}
