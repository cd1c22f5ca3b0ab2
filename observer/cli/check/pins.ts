// SPDX-License-Identifier: Apache-2.0
// Whether an agent of this build can take over what is pinned.

import type { Config } from '../../config/schema.ts'
import { SluiceError } from '../../errors/error.ts'
import { kernelObjects } from '../../hooks/object-files.ts'
import type { CheckResult, Probe } from './result.ts'

/** The native addon comes with the run, not with the list of probes: a node that cannot load it is told so. */
export function pinsProbe(config: Pick<Config, 'bpffs' | 'pinDirectory'>): Probe {
  return { family: 'pins', run: async () => [await pinsResult(config)] }
}

async function pinsResult(config: Pick<Config, 'bpffs' | 'pinDirectory'>): Promise<CheckResult> {
  const { requireOnlyLayout, requireOwnMaps } = await import('../../maps/pinned-layout.ts')
  const { pinnedNames, pinPaths } = await import('../../maps/pin-paths.ts')
  const feature = 'pinned state'
  const pins = pinPaths(config)
  const objects = kernelObjects()
  try {
    requireOnlyLayout(pins)
    if (objects !== undefined) requireOwnMaps(objects, pins)
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const meaning = 'an agent of this build refuses to start; what is attached goes on'
    return { feature, status: 'missing', found: error.message, meaning, remedy: error.remedy ?? '' }
  }
  const [links, maps] = [pinnedNames(pins.links).length, pinnedNames(pins.maps).length]
  const found =
    maps === 0 ? `nothing is pinned in ${pins.version}` : `${maps} maps and ${links} links in ${pins.version}`
  return { feature, status: 'ok', found }
}
