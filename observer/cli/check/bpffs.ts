// SPDX-License-Identifier: Apache-2.0

import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseMountinfo } from '../../processes/mountinfo.ts'
import type { CheckResult, Probe } from './result.ts'

export interface BpffsView {
  readonly mountinfo: string
  /** Makes and removes a directory; throws when that does not work. */
  readonly tryDirectory: (path: string) => void
}

export function bpffsProbe(bpffs: string): Probe {
  const view = () => ({ mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'), tryDirectory })
  return { family: 'bpffs', run: () => [bpffsResult(bpffs, view())] }
}

export function bpffsResult(bpffs: string, { mountinfo, tryDirectory: attempt }: BpffsView): CheckResult {
  const feature = 'bpffs'
  const meaning = 'programs and maps are pinned there, so that pods stay steered while the agent restarts'
  // The last mount on a path hides those before it.
  const mount = parseMountinfo(mountinfo).findLast(({ mountPoint }) => mountPoint === bpffs)
  if (mount?.type !== 'bpf') {
    const found = mount === undefined ? `nothing is mounted at ${bpffs}` : `${bpffs} is a ${mount.type}`
    const remedy = `mount -t bpf bpf ${bpffs} (the agent tries that itself)`
    return { feature, status: 'degraded', found, meaning, remedy }
  }
  try {
    attempt(bpffs)
    return { feature, status: 'ok', found: `mounted at ${bpffs}, writable` }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    return { feature, status: 'missing', found, meaning, remedy: `run as root, and mount ${bpffs} writable` }
  }
}

function tryDirectory(bpffs: string): void {
  // bpffs does not allow dots in names.
  const path = join(bpffs, `sluice-check-${process.pid}`)
  mkdirSync(path)
  rmdirSync(path)
}
