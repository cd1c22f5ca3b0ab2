// SPDX-License-Identifier: Apache-2.0
// Sluice's own image, as `make image` packs it.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import project from '../../../package.json' with { type: 'json' }
import { importImage, tagImage } from '../node/container-runtime.ts'
import type { ClusterState } from '../node/state.ts'
import { PROJECT } from '../tools/tools.ts'
import { ARCHITECTURE } from './image.ts'

const NAME = 'docker.io/library/sluice'

/** Of the image on somebody else's cluster: "registry.example/sluice:0.1.0"; the node of this machine has the chart's. */
const [REPOSITORY, TAG] = process.env.TEST_SLUICE_IMAGE?.split(/:(?=[^/:]+$)/) ?? []

/** The same image by another name: what an upgrade rolls to. */
export const NEXT_TAG = process.env.TEST_NEXT_TAG || 'next'

/** What the chart is told of the image. */
export const IMAGE_VALUES: Readonly<Record<string, string>> = {
  ...(REPOSITORY ? { 'image.repository': REPOSITORY } : {}),
  ...(TAG ? { 'image.tag': TAG } : {})
}

/** @throws when the image has not been made. */
export async function importSluice(state: ClusterState): Promise<void> {
  const archive = join(PROJECT, `build/image/sluice-${project.version}-${ARCHITECTURE}.tar`)
  if (!existsSync(archive)) throw new Error(`${archive} is not there: run 'make image'`)
  await importImage(state, archive)
  await tagImage(state, `${NAME}:${project.version}`, `${NAME}:${NEXT_TAG}`)
}
