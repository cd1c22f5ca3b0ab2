// SPDX-License-Identifier: Apache-2.0
// `sluice pause` and `sluice resume`: a word in the kernel's maps, which needs no agent and outlives those that come.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { BpfMap } from '#native'
import type { Config } from './config/schema.ts'
import { SluiceError } from './errors/error.ts'
import { isPaused, setPaused } from './maps/mode.ts'
import { pinPaths } from './maps/pin-paths.ts'

/**
 * @returns whether that changed anything
 * @throws SluiceError SLUICE_ERR_PAUSE_NOTHING, SLUICE_ERR_PAUSE_WRITE
 */
export function pause(config: Pick<Config, 'bpffs' | 'pinDirectory'>, paused: boolean): boolean {
  const { maps } = pinPaths(config)
  const path = join(maps, 'mode')
  try {
    statSync(path)
    using map = BpfMap.openPinned<number, number>(path)
    const former = isPaused(map)
    setPaused(map, paused)
    return former !== paused
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new SluiceError('SLUICE_ERR_PAUSE_NOTHING', { path: maps })
    }
    throw new SluiceError('SLUICE_ERR_PAUSE_WRITE', { path }, error)
  }
}
