// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClusterState } from './state.ts'

/** Processes of all containers of a pod; the sandbox's among them. */
export async function podProcesses(state: ClusterState, uid: string): Promise<number[]> {
  const kubepods = join(state.cgroup, 'kubepods')
  const files = await readdir(kubepods, { recursive: true })
  const ours = files.filter((file) => file.includes(`pod${uid}/`) && file.endsWith('cgroup.procs'))
  const texts = await Promise.all(ours.map((file) => readFile(join(kubepods, file), 'utf8')))
  return texts.flatMap((text) => text.split('\n').filter(Boolean).map(Number))
}

/** Its arguments, separated by NUL. */
export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
}
