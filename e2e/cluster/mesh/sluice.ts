// SPDX-License-Identifier: Apache-2.0
// Sluice, installed with its chart.

import { join } from 'node:path'
import type { V1Pod, V1PodList } from '@kubernetes/client-node'
import type { PodReport, Report } from '../../world/agent.ts'
import { IMAGE_VALUES } from '../images/sluice.ts'
import type { Api } from '../kube/api.ts'
import { CommandLine } from '../kube/kubectl.ts'
import { isReady, Pod } from '../kube/pod.ts'
import { type Patience, until } from '../kube/until.ts'
import { PROJECT } from '../tools/tools.ts'

export const SLUICE_NAMESPACE = 'sluice-system'
export const CHART = join(PROJECT, 'deploy/helm/sluice')

const RELEASE = 'sluice'

/** "mode=observe" */
export type Values = Readonly<Record<string, string>>

function settings(values: Values): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])
}

export class Sluice {
  readonly #api: Api
  readonly #kubectl: CommandLine
  readonly #helm: CommandLine

  constructor(api: Api, kubectl: CommandLine) {
    this.#api = api
    this.#kubectl = kubectl
    this.#helm = new CommandLine('helm', api.kubeconfig)
  }

  /** Installs it, or brings an installed one to these values; resolves when every agent is ready. */
  async install(values: Values = {}): Promise<void> {
    const where = ['--namespace', SLUICE_NAMESPACE, '--create-namespace']
    const how = ['--install', '--reset-values', '--wait', '--timeout', '3m']
    const all = settings({ ...IMAGE_VALUES, ...values })
    await this.#helm.must(['upgrade', RELEASE, CHART, ...where, ...how, ...all])
  }

  async uninstall(): Promise<void> {
    const where = ['--namespace', SLUICE_NAMESPACE]
    await this.#helm.must(['uninstall', RELEASE, ...where, '--wait', '--timeout', '3m'])
  }

  async installed(): Promise<boolean> {
    return (await this.#helm.must(['list', '--namespace', SLUICE_NAMESPACE, '--short'])).includes(RELEASE)
  }

  /** Everything that carries the release's label, wherever it is: "daemonset.apps/sluice". */
  async objects(): Promise<string[]> {
    const listed = await this.#kubectl.must(['api-resources', '--verbs=list', '--output=name'])
    const kinds = listed.split('\n').filter(Boolean).join(',')
    const label = `app.kubernetes.io/instance=${RELEASE}`
    const all = ['--all-namespaces', '--selector', label, '--output=name', '--ignore-not-found']
    return (await this.#kubectl.must(['get', kinds, ...all])).split('\n').filter(Boolean)
  }

  async #ready(): Promise<V1Pod[]> {
    const path = `/api/v1/namespaces/${SLUICE_NAMESPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3Dsluice`
    const { items } = await this.#api.ask<V1PodList>('GET', path)
    return items.filter((pod) => isReady(pod) && pod.metadata?.deletionTimestamp === undefined)
  }

  /** The agent of a node; of any, unless one is named. */
  async agent(nodeName?: string): Promise<Pod> {
    const ready = await until(
      `an agent is ready on ${nodeName ?? 'a node'}`,
      async () =>
        (await this.#ready()).find(({ spec }) => nodeName === undefined || spec?.nodeName === nodeName),
      (pod) => pod !== undefined
    )
    return new Pod(this.#api, this.#kubectl, SLUICE_NAMESPACE, ready?.metadata?.name ?? '')
  }

  /** `sluice status --json`, run in the pod of a node's agent. */
  async status(nodeName?: string): Promise<Report> {
    const agent = await this.agent(nodeName)
    // Exit code 1 is a report with a problem in it.
    const { stdout, stderr } = await agent.start(['sluice', 'status', '--json']).finished()
    if (!stdout.startsWith('{')) throw new Error(`sluice status: ${stderr}${stdout}`)
    return JSON.parse(stdout) as Report
  }

  /** What every agent says of the pods of a namespace. */
  async pods(namespace: string): Promise<PodReport[]> {
    const nodes = (await this.#ready()).map(({ spec }) => spec?.nodeName)
    const reports = await Promise.all(nodes.map((nodeName) => this.status(nodeName)))
    return reports.flatMap(({ pods }) => pods).filter((pod) => pod.namespace === namespace)
  }

  /** What the agent of the pod's node says of it; undefined: the pod is on no node, or its agent has not heard of it. */
  async report({ namespace, name }: Pick<Pod, 'namespace' | 'name'>): Promise<PodReport | undefined> {
    const { spec } = (await this.#api.find<V1Pod>(`/api/v1/namespaces/${namespace}/pods/${name}`)) ?? {}
    if (spec?.nodeName === undefined) return undefined
    const { pods } = await this.status(spec.nodeName)
    return pods.find((pod) => pod.name === name && pod.namespace === namespace)
  }

  /** Asks until a pod is in one of these states; "enrolled" also stands for "verified". */
  async untilPod(
    pod: Pick<Pod, 'namespace' | 'name'>,
    states: readonly string[],
    patience?: Patience
  ): Promise<PodReport> {
    const wanted = states.includes('enrolled') ? [...states, 'verified'] : states
    const found = await until(
      `${pod.namespace}/${pod.name} is ${wanted.join(' or ')}`,
      () => this.report(pod),
      (report) => wanted.includes(report?.state ?? 'none'),
      { everyMs: 200, ...patience }
    )
    return found as PodReport
  }
}
