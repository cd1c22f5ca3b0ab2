// SPDX-License-Identifier: Apache-2.0
// The chart as Helm renders it, without a cluster.

import { join } from 'node:path'
import type { KubernetesObject } from '@kubernetes/client-node'
import { parseAllDocuments, stringify } from 'yaml'
import { run } from '../../world/running.ts'
import { tool } from '../tools/tools.ts'

export const CHART = join(import.meta.dirname, '../../../deploy/helm/sluice')

export type Values = Readonly<Record<string, unknown>>

export interface RenderOptions {
  readonly kubeVersion?: string
  readonly release?: string
}

/** `helm template` in the namespace default. @throws with what Helm says. */
export async function render(values: Values, options: RenderOptions = {}): Promise<KubernetesObject[]> {
  const { kubeVersion = '1.33.0', release = 'sluice' } = options
  const args = ['template', release, CHART, '--namespace', 'default', '--kube-version', kubeVersion]
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
