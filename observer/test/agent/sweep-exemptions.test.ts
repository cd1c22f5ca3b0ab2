// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { role_kind, type Tuple } from '#contract'
import type { AgentParts } from '../../agent/parts.ts'
import { sweepExemptions } from '../../agent/sweep-exemptions.ts'
import { addressOf } from '../../maps/address.ts'
import type { Roster } from '../../pods/roster.ts'
import type { Reconciler } from '../../reconcile/reconciler.ts'
import type { Verifier } from '../../reconcile/verifier.ts'
import { ExemptMap } from '../maps/exempt-map.ts'
import { NETNS, podState } from '../pods/pods.ts'

const INTERVAL = 5_000
/** No socket has it. */
const GONE: Tuple = {
  netns: NETNS,
  src: addressOf('10.0.0.9'),
  dst: addressOf('10.0.0.1'),
  sport: 1,
  dport: 80
}

/** @param connections of the pod in that namespace; undefined: it is no pod's */
function following(connections?: () => Promise<Uint8Array>) {
  const maps = { exempt: new ExemptMap(), exempt_probe: new ExemptMap() }
  for (const map of Object.values(maps)) map.set(GONE, BigInt(role_kind.ROLE_ZTUNNEL))
  const kernel = { maps, unexempted: 4 }
  const parts = { config: { verifyInterval: INTERVAL }, kernel, log: pino({ enabled: false }) }
  const noted: unknown[] = []
  const sweep$ = sweepExemptions(
    parts as unknown as AgentParts,
    { states: connections ? [podState({ netns: NETNS })] : [] } as unknown as Roster,
    { dwelling: () => ({ netns: { cookie: NETNS, connections } }) } as unknown as Reconciler,
    { note: (kind: string) => void noted.push(kind) } as unknown as Verifier
  )
  sweep$.subscribe()
  return { kernel, noted, left: () => [maps.exempt.keys().length, maps.exempt_probe.keys().length] }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('both maps of exemptions are looked through in every sixth round', async () => {
  const { left, noted } = following()
  await vi.advanceTimersByTimeAsync(11 * INTERVAL)
  expect(left()).toEqual([1, 1])
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(left()).toEqual([0, 0])
  expect(noted).toEqual(['exemption', 'exemption'])
})

it('they are looked through in each round before which ztunnel’s connections found no room', async () => {
  const { kernel, left } = following()
  kernel.unexempted++
  await vi.advanceTimersByTimeAsync(INTERVAL)
  kernel.unexempted++
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(left()).toEqual([0, 0])
})

it('they are looked through once more when there was no room while they were', async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  const { kernel, left } = following(() => promise)
  kernel.unexempted++
  await vi.advanceTimersByTimeAsync(INTERVAL)
  kernel.unexempted++
  await vi.advanceTimersByTimeAsync(INTERVAL)
  resolve(new Uint8Array())
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(left()).toEqual([0, 0])
})
