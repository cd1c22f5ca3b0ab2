// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { ProbeWatch } from '../../reconcile/probe-watch.ts'

const POD = {}

/** The answers to looks at these sums: as the kubelet made them, translated, passed by address. */
function looks(...sums: readonly (readonly [number, number, number])[]) {
  const watch = new ProbeWatch()
  return sums.map(([met, translated, passed]) => {
    const arrivals = {
      met: BigInt(met),
      translated: BigInt(translated),
      passed: BigInt(passed),
      strangers: []
    }
    return watch.look(POD, arrivals) !== undefined
  })
}

describe('probes', () => {
  it.each([
    [
      'are well while none is sent',
      [
        [0, 0, 0],
        [0, 0, 0]
      ],
      [false, false]
    ],
    [
      'are well when they are met',
      [
        [1, 0, 0],
        [2, 0, 0]
      ],
      [false, false]
    ],
    [
      'fail when they are translated, until one is met',
      [
        [0, 1, 0],
        [0, 1, 0],
        [1, 1, 0],
        [1, 1, 0]
      ],
      [true, true, false, false]
    ],
    [
      'fail when one family’s are',
      [
        [1, 1, 0],
        [2, 2, 0]
      ],
      [true, true]
    ],
    [
      'are well when the operator’s address lets them pass',
      [
        [0, 1, 0],
        [0, 2, 1],
        [0, 3, 2]
      ],
      [true, false, false]
    ]
  ] as const)('%s', (_, sums, expected) => {
    expect(looks(...sums)).toEqual(expected)
  })

  it('name who else dialled, in words that stay', () => {
    const watch = new ProbeWatch()
    const at = (translated: bigint, strangers: string[]) =>
      watch.look(POD, { met: 0n, translated, passed: 0n, strangers })
    const told = at(1n, ['10.0.0.1'])
    expect(told).toContain('dialled from 10.0.0.1')
    expect(at(2n, ['10.0.0.9'])).toBe(told)
  })
})
