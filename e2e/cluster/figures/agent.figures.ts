// SPDX-License-Identifier: Apache-2.0
// What the agent costs while nothing happens and no pod of the node is in the mesh; with many: crowd.figures.ts.

import { expect, it } from 'vitest'
import { openScene } from '../scene.ts'
import { printRest } from './agent-process.ts'

const scene = openScene()

it('of the agent at rest', async ({ skip }) => {
  const { state } = scene
  if (state === null) return skip("the agent's process is on the node")
  await scene.sluice.install()
  expect(await printRest(scene, state, 0)).toBeGreaterThan(0)
})
