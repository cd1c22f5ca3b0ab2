// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'
import { ResolverWatch } from '../../reconcile/resolver-watch.ts'

function looks(watch: ResolverWatch, dwelling: object, listeners: string): number {
  return Array.from({ length: 100 }, () => watch.isDue(dwelling, listeners)).filter(Boolean).length
}

it('ztunnel’s resolver is looked for a while after its listeners have changed, and no longer', () => {
  const watch = new ResolverWatch()
  const dwelling = {}
  expect(looks(watch, dwelling, '7,8')).toBe(12)
  expect(looks(watch, dwelling, '7,8')).toBe(0)
  expect(looks(watch, dwelling, '7,9')).toBe(12)
  expect(looks(watch, {}, '7,9')).toBe(12)
})
