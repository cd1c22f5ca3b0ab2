// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { conditionsOf, type Looked } from '../../reconcile/conditions.ts'
import { FOUND } from './dwelling.ts'

const SURROUNDINGS = {
  steering: { mark: 0x51c, mask: 0xfff, table: 5151, priority: 1, protocol: 151 },
  inherited: { ipv4: false, ipv6: false }
}
const NOTHING: Looked = { found: FOUND, probes: undefined, unlisted: 0 }

describe('the conditions of a pod', () => {
  it('are none where nothing is to be told of', () => {
    expect(conditionsOf(NOTHING, SURROUNDINGS)).toEqual([])
  })

  it.each<[string, Partial<Looked>, RegExp]>([
    ['probes', { probes: 'the address is translated' }, /^the address is translated; exempt it in the CNI/],
    ['addresses', { unlisted: 7 }, /^7 addresses too many; .* 32 are known; .* are dropped$/]
  ])('%s', (kind, looked, message) => {
    const told = conditionsOf({ ...NOTHING, ...looked }, SURROUNDINGS)
    expect(told).toEqual([{ kind, message: expect.stringMatching(message) as string }])
  })
})
