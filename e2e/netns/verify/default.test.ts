// SPDX-License-Identifier: Apache-2.0
// With nothing configured, what somebody breaks is put back within 10 s: what no event tells of, too.

import { expect, it } from 'vitest'
import { Link } from '#native'
import { mesh } from '../setup/mesh.ts'
import { kernelOf, linkPath, openMap } from './kernel.ts'

const BOUND_MS = 10_000 * Number(process.env.TEST_PATIENCE ?? 1)

const node = mesh({ enrolled: ['app'] })

function detach(program: string): void {
  using link = Link.openPinned(linkPath(node.world, program))
  link.detach()
}

async function deleteEntry(): Promise<void> {
  using map = openMap(node.world, 'netns_pod')
  map.delete(await node.pod('app').cookie())
}

it('a hook, a lookup and an entry', async () => {
  const app = node.pod('app')
  await node.agent.untilPod(app, 'verified')
  const whole = await kernelOf(node.world, [app])
  const { drift } = await node.report()
  const began = performance.now()
  for (const program of ['connect4', 'lookup']) detach(program)
  await deleteEntry()
  expect(await kernelOf(node.world, [app])).not.toEqual(whole)
  await expect.poll(() => kernelOf(node.world, [app]), { interval: 20 }).toEqual(whole)
  expect(performance.now() - began).toBeLessThan(BOUND_MS)
  const after = (await node.report()).drift
  for (const kind of ['hook', 'lookup', 'entry']) expect(after[kind], kind).toBe((drift[kind] ?? 0) + 1)
})
