// SPDX-License-Identifier: Apache-2.0
// Removes a cluster: its processes, its cgroups, its bridge, its directory. Mounts and pinned programs were the node's
// own and end with its last process.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../world/running.ts'
import type { ClusterState } from './state.ts'
import { restoreSysctls } from './sysctls.ts'

/** How long processes may take to die, ms. */
const PATIENCE = 30_000

async function removeCgroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name))
  await rmdir(path)
}

function processesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('cgroup.procs'))
    .flatMap((name) => readFileSync(join(path, name), 'utf8').split('\n'))
    .filter(Boolean)
}

/** Only processes that the cluster started are below its cgroup. */
async function endProcesses(cgroup: string): Promise<void> {
  if (!existsSync(cgroup)) return
  for (const end = Date.now() + PATIENCE; ; await sleep(50)) {
    await writeFile(join(cgroup, 'cgroup.kill'), '1')
    try {
      await removeCgroup(cgroup)
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EBUSY' && code !== 'ENOENT') throw error
      if (!existsSync(cgroup)) return
      if (Date.now() > end)
        throw new Error(`processes in ${cgroup} do not end: ${processesBelow(cgroup).join(' ')}`)
    }
  }
}

async function removeBridge(name: string): Promise<void> {
  const shown = await run(['ip', 'link', 'show', name])
  if (shown.code !== 0) return
  const removed = await run(['ip', 'link', 'del', name])
  if (removed.code !== 0) throw new Error(`bridge ${name}: ${removed.stderr}`)
}

/** May be called again; what is gone is no error. */
export async function removeCluster(
  state: Pick<ClusterState, 'cgroup' | 'directory' | 'sysctls'> & {
    readonly network: { readonly bridge: string }
  }
): Promise<void> {
  await endProcesses(state.cgroup)
  await removeBridge(state.network.bridge)
  await restoreSysctls(state.sysctls)
  await rm(state.directory, { recursive: true, force: true })
}
