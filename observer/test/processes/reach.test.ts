// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'
import { pod_limits } from '#contract'
import { withinReach } from '../../processes/reach.ts'
import type { CgroupRoot } from '../../processes/roots.ts'

it.each([
  ['one level', [3], [3], []],
  ['as many as the hooks look at', [1, pod_limits.POD_LEVELS], [1, pod_limits.POD_LEVELS], []],
  ['one more', [1, pod_limits.POD_LEVELS + 1], [1], [pod_limits.POD_LEVELS + 1]]
])('within reach are roots on %s', (_, levels, near, far) => {
  const roots = levels.map(
    (level): CgroupRoot => ({ id: BigInt(level), path: '/', level, qos: 'guaranteed' })
  )
  const found = withinReach(roots)
  expect(found.near.map(({ level }) => level)).toEqual(near)
  expect(found.far.map(({ level }) => level)).toEqual(far)
})
