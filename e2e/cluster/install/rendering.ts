// SPDX-License-Identifier: Apache-2.0
// The chart as Helm renders it, without a cluster.

import { join } from 'node:path'
import type { KubernetesObject, V1Container, V1DaemonSet, V1PodSpec } from '@kubernetes/client-node'
import { parseAllDocuments, stringify } from 'yaml'
import { run } from '../../world/running.ts'
import { tool } from '../tools/tools.ts'

export const CHART = join(import.meta.dirname, '../../../deploy/helm/sluice')

export type Values = Readonly<Record<string, unknown>>

const rendered = new Map<string, Promise<KubernetesObject[]>>()

/** `helm template` in the namespace default. @throws with what Helm says. */
export function render(values: Values, kubeVersion = '1.33.0'): Promise<KubernetesObject[]> {
  const key = JSON.stringify([values, kubeVersion])
  const objects = rendered.get(key) ?? template(values, kubeVersion)
  rendered.set(key, objects)
  return objects
}

async function template(values: Values, kubeVersion: string): Promise<KubernetesObject[]> {
  const args = ['template', 'sluice', CHART, '--namespace', 'default', '--kube-version', kubeVersion]
  const { code, stdout, stderr } = await run([tool('helm'), ...args, '--values', '-'], {
    input: stringify(values)
  })
  if (code !== 0) throw new Error(stderr)
  const documents = parseAllDocuments(stdout) as { toJS(): unknown }[]
  return documents.map((document) => document.toJS() as KubernetesObject).filter((object) => object !== null)
}

/** The only object of a kind, by name where there are more. */
export function only<T extends KubernetesObject>(
  objects: readonly KubernetesObject[],
  kind: string,
  name = 'sluice'
): T {
  const [found, ...more] = objects.filter((object) => object.kind === kind && object.metadata?.name === name)
  if (found === undefined || more.length > 0) throw new Error(`${kind} ${name}: not exactly one`)
  return found as T
}

export function podOf(objects: readonly KubernetesObject[], name = 'sluice'): V1PodSpec {
  const { spec } = only<V1DaemonSet>(objects, 'DaemonSet', name)
  if (spec?.template.spec === undefined) throw new Error('a DaemonSet without pods')
  return spec.template.spec
}

export function agentOf(objects: readonly KubernetesObject[]): V1Container {
  const [agent] = podOf(objects).containers
  if (agent === undefined) throw new Error('a pod without containers')
  return agent
}
