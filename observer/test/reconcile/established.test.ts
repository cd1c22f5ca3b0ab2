// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest'
import { NativeError } from '#native'
import { NO_TRAITS } from '../../membership/traits.ts'
import type { PodState, Verdict } from '../../pods/state.ts'
import { type Dwelling, dwellingIn, type EnrolmentParts, enrol } from '../../reconcile/enrolment.ts'

const NETNS = 7n
const SILENT = new AbortController().signal

/** An enrolment in which everything succeeds; `events` tells what happened, in order. */
function enrolment(option: EnrolmentParts['establishedConnections'], before: Verdict) {
  const events: string[] = []
  const netns = {
    cookie: NETNS,
    fd: -1,
    addresses: { ipv4: '10.0.0.1', ipv6: undefined, more: [] },
    prepare: vi.fn(async () => undefined),
    opaquePorts: vi.fn<(ports: readonly number[]) => Promise<number[]>>(async () => []),
    resetConnections: vi.fn(async () => events.push('reset'))
  }
  const log = { info: vi.fn(), warn: vi.fn() }
  const parts = {
    entries: {
      readTraits: () => NO_TRAITS,
      writeNetns: vi.fn(),
      write: (_: bigint, __: bigint, verdict: string) => events.push(verdict)
    },
    lookups: {
      has: () => false,
      load: async () => ({ [Symbol.dispose]: () => undefined }),
      attach: () => ({ close: vi.fn() })
    },
    listeners: {
      park: vi.fn(async () => events.push('parked')),
      adopt: vi.fn(async () => []),
      missing: vi.fn(() => [])
    },
    zds: { keep: vi.fn(), offer: vi.fn(async () => events.push('acknowledged')) },
    establishedConnections: option,
    log
  } as unknown as EnrolmentParts
  const state = {
    pod: { uid: 'u', name: 'app', namespace: 'shop', serviceAccount: 'app' },
    cgroup: { id: 1n },
    verdict: before
  } as unknown as PodState
  const dwelling: Dwelling = dwellingIn(netns as unknown as Dwelling['netns'])
  return { netns, log, events, run: () => enrol(state, dwelling, parts, SILENT) }
}

describe('connections from before an enrolment', () => {
  it.each([
    ['reset', 'pass', ['pass', 'parked', 'acknowledged', 'steer', 'reset']],
    ['reset', 'held', ['held', 'parked', 'acknowledged', 'steer']],
    ['reset', 'unknown', ['unknown', 'parked', 'acknowledged', 'steer']],
    ['reset', 'steer', ['steer', 'parked', 'acknowledged', 'steer']],
    ['leave', 'pass', ['pass', 'parked', 'acknowledged', 'steer']]
  ] as const)('with %s, of a pod whose verdict was %s: %j', async (option, before, expected) => {
    const { run, events } = enrolment(option, before)
    await run()
    expect(events).toEqual(expected)
  })

  it('that the kernel cannot reset are warned of, and the pod is enrolled', async () => {
    const { run, netns, events, log } = enrolment('reset', 'pass')
    const cause = new NativeError({ code: 'SLUICE_NATIVE_ENETNS_UNSUPPORTED', message: 'no SOCK_DESTROY' })
    netns.resetConnections.mockRejectedValue(cause)
    await run()
    expect(events.at(-1)).toBe('steer')
    expect(log.warn).toHaveBeenCalledExactlyOnceWith(
      { pod: 'shop/app', err: 'no SOCK_DESTROY' },
      expect.stringContaining('could not be reset')
    )
    expect(log.info).not.toHaveBeenCalled()
  })
})

describe('listeners of ztunnel that are not transparent', () => {
  it('fail the enrolment after the acknowledgement, before anything is steered or reset', async () => {
    const { run, netns, events } = enrolment('reset', 'pass')
    netns.opaquePorts.mockImplementation(async (ports) => [...ports])
    await expect(run()).rejects.toMatchObject({
      code: 'SLUICE_ERR_ZTUNNEL_NOT_TRANSPARENT',
      message: 'ztunnel has listeners on 15001, 15006, 15008 in pod shop/app that are not transparent',
      remedy: expect.stringContaining('ENABLE_ORIG_SRC=false')
    })
    expect(events).toEqual(['pass', 'parked', 'acknowledged'])
  })
})
