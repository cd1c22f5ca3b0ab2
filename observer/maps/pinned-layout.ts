// SPDX-License-Identifier: Apache-2.0
// Whether what is pinned can be taken over by this build: the layout's version is in the directory's name, and each
// map knows its own sizes and types.

import { basename, join } from 'node:path'
import { objects as described, layout } from '#contract'
import { BpfMap, BpfObject, checkPin } from '#native'
import { SluiceError } from '../errors/error.ts'
import { type PinPaths, pinnedNames, pinnedVersions } from './pin-paths.ts'

/**
 * Programs of another layout read maps of their own: attached beside them, ours would steer by another truth.
 * @throws SluiceError SLUICE_ERR_PINS_LAYOUT
 */
export function requireOnlyLayout({ root, version }: PinPaths): void {
  const other = pinnedVersions(root).find(
    (found) => found.version !== version && pinnedNames(found.links).length > 0
  )
  if (other === undefined) return
  throw new SluiceError('SLUICE_ERR_PINS_LAYOUT', {
    path: other.version,
    found: basename(other.version).slice(1),
    wanted: layout.LAYOUT_VERSION
  })
}

/**
 * What is not pinned yet cannot differ; how many entries a map takes is its own affair.
 * @param directory of the built kernel objects
 * @throws SluiceError SLUICE_ERR_PINS_MAPS
 */
export function requireOwnMaps(directory: string, { maps }: PinPaths): void {
  const pinned = new Set(pinnedNames(maps))
  for (const { file } of Object.values(described)) {
    for (const map of BpfObject.describe(join(directory, file)).maps) {
      if (map.internal || !pinned.has(map.name)) continue
      const path = join(maps, map.name)
      try {
        using found = BpfMap.openPinned(path)
        checkPin({ ...map, maxEntries: found.info.maxEntries }, path)
      } catch (error) {
        throw new SluiceError('SLUICE_ERR_PINS_MAPS', { path: maps }, error)
      }
    }
  }
}
