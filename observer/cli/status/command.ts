// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/schema.ts'
import { requestStatus } from '../../control/client.ts'
import { pinnedReport } from '../../control/pinned.ts'
import type { StatusReport } from '../../control/protocol.ts'
import { SluiceError } from '../../errors/error.ts'
import { kernelObjects } from '../../hooks/object-files.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { version } from '../version.ts'
import { statusText } from './text.ts'

const WATCH_MS = 2000
const CLEAR_SCREEN = '\x1b[H\x1b[2J'

export interface StatusOptions {
  readonly json: boolean
  readonly watch: boolean
}

export async function statusCommand(config: Config, { json, watch }: StatusOptions): Promise<ExitCode> {
  const style = { terminal: process.stdout.isTTY, colours: process.stdout.isTTY && !process.env.NO_COLOR }
  for (;;) {
    const report = await currentReport(config)
    const text = json
      ? `${JSON.stringify(report, null, watch ? 0 : 2)}\n`
      : statusText(report, style, Date.now())
    process.stdout.write(watch && !json && style.terminal ? CLEAR_SCREEN + text : text)
    if (!watch) return exitCode(report)
    await sleep(WATCH_MS)
  }
}

/**
 * Degraded when nobody looks after the pods or carries what they dial, when the operator has paused it all, or when the
 * agent says that something is wrong.
 */
export function exitCode({ agent, mode, paused, ztunnels, pods }: StatusReport): ExitCode {
  const served = ztunnels.length > 0 || mode === 'observe'
  const well = agent.running && agent.ready && agent.problems.length === 0 && served && !paused
  return well && pods.every(({ lastError }) => lastError === undefined) ? EXIT.fine : EXIT.degraded
}

/**
 * @throws SluiceError SLUICE_ERR_CONTROL_NO_AGENT when there is neither an agent nor anything pinned;
 *   SLUICE_ERR_PINS_LAYOUT, SLUICE_ERR_PINS_MAPS when what is pinned is not this build's
 */
async function currentReport(config: Config): Promise<StatusReport> {
  try {
    return await requestStatus(config.controlSocket)
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'SLUICE_ERR_CONTROL_NO_AGENT') throw error
    const { counter, verdict } = await import('#contract')
    const { readPinnedState } = await import('../../control/pins.ts')
    const { pinPaths } = await import('../../maps/pin-paths.ts')
    const { requireOnlyLayout, requireOwnMaps } = await import('../../maps/pinned-layout.ts')
    const pins = pinPaths(config)
    requireOnlyLayout(pins)
    const objects = kernelObjects()
    if (objects !== undefined) requireOwnMaps(objects, pins)
    const state = readPinnedState(pins.maps, counter.COUNTERS)
    if (state === undefined) throw error
    const clocks = { realtimeMs: Date.now(), monotonicNs: process.hrtime.bigint() }
    return pinnedReport(state, { counter, verdict }, clocks, version)
  }
}
