// SPDX-License-Identifier: Apache-2.0
// Where the agent leaves what must survive it: one directory in bpffs, with the layout's version in its name.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { layout } from '#contract'

export interface PinnedVersion {
  /** `<bpffs>/<pinDirectory>/v<layout>` */
  readonly version: string
  readonly maps: string
  readonly links: string
}

export interface PinPaths extends PinnedVersion {
  /** `<bpffs>/<pinDirectory>` */
  readonly root: string
}

export function pinPaths(config: { readonly bpffs: string; readonly pinDirectory: string }): PinPaths {
  const root = join(config.bpffs, config.pinDirectory)
  return { root, ...versionAt(root, `v${layout.LAYOUT_VERSION}`) }
}

/** None where there is no such directory. */
export function pinnedNames(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

/** Everything that agents of whatever layout have pinned there. */
export function pinnedVersions(root: string): readonly PinnedVersion[] {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  const names = readdirSync(root).filter((name) => /^v\d+$/.test(name))
  return names.map((name) => versionAt(root, name))
}

function versionAt(root: string, name: string): PinnedVersion {
  const version = join(root, name)
  return { version, maps: join(version, 'maps'), links: join(version, 'links') }
}
