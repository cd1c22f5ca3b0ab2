// SPDX-License-Identifier: Apache-2.0
// Looks with the agent's own eyes, so that what is found here is what the agent finds.

import { causeText, SluiceError } from '../../errors/error.ts'
import {
  type Cgroup2,
  type CgroupRoot,
  findRoots,
  mountedCgroup2,
  namedRoots
} from '../../processes/roots.ts'
import type { CheckResult, Probe } from './result.ts'

export interface CgroupView {
  mounted(): Promise<Pick<Cgroup2, 'path'>>
  /** Cgroups whose children are pods, with absolute paths. */
  roots(): Promise<readonly Pick<CgroupRoot, 'path'>[]>
}

/** @param names `cgroupRoots` of the configuration */
export function cgroupView(names: readonly string[]): CgroupView {
  const roots = async () => {
    const cgroup2 = await mountedCgroup2()
    return names.length > 0 ? namedRoots(cgroup2, names) : findRoots(cgroup2)
  }
  return { mounted: mountedCgroup2, roots }
}

export function cgroupProbe(view: CgroupView): Probe {
  return { family: 'cgroups', run: () => cgroupResults(view) }
}

export async function cgroupResults(view: CgroupView): Promise<CheckResult[]> {
  try {
    const { path } = await view.mounted()
    return [{ feature: 'cgroup2', status: 'ok', found: `mounted at ${path}` }, await rootsResult(view)]
  } catch (error) {
    const meaning = 'pods are told apart by their cgroups in the one hierarchy of cgroup2'
    return [refusal('cgroup2', error, meaning)]
  }
}

async function rootsResult(view: CgroupView): Promise<CheckResult> {
  const feature = 'pod cgroups'
  try {
    const roots = await view.roots()
    if (roots.length > 0) return { feature, status: 'ok', found: roots.map(({ path }) => path).join(', ') }
    return {
      feature,
      status: 'degraded',
      found: 'no cgroup is called kubepods',
      meaning: 'this node has no pods yet: the agent waits for the kubelet to make it',
      remedy: 'start the kubelet; where pods lie elsewhere, name their parents with cgroupRoots'
    }
  } catch (error) {
    return refusal(feature, error, 'the agent does not know which processes belong to which pod')
  }
}

function refusal(feature: string, error: unknown, meaning: string): CheckResult {
  const remedy = error instanceof SluiceError ? error.remedy : undefined
  const result = { feature, status: 'missing', found: causeText(error), meaning } as const
  return remedy === undefined ? result : { ...result, remedy }
}
