// SPDX-License-Identifier: Apache-2.0
// Where the agent leaves what must survive it: one directory in bpffs, with the layout's version in its name.

import { join } from 'node:path'
import { layout } from '#contract'

export interface PinPaths {
  /** `<bpffs>/<pinDirectory>` */
  readonly root: string
  /** `<bpffs>/<pinDirectory>/v<layout>` */
  readonly version: string
  readonly maps: string
  readonly links: string
}

export function pinPaths(config: { readonly bpffs: string; readonly pinDirectory: string }): PinPaths {
  const root = join(config.bpffs, config.pinDirectory)
  const version = join(root, `v${layout.LAYOUT_VERSION}`)
  return { root, version, maps: join(version, 'maps'), links: join(version, 'links') }
}
