// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { NativeError } from '#native'
import { enrolment, listenerOn } from './enrolling.ts'

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
    netns.listeners.mockImplementation(async (ports) => ports.map((port) => listenerOn(port, false)))
    await expect(run()).rejects.toMatchObject({
      code: 'SLUICE_ERR_ZTUNNEL_NOT_TRANSPARENT',
      message: 'ztunnel has listeners on 15001, 15006, 15008 in pod shop/app that are not transparent',
      remedy: expect.stringContaining('ENABLE_ORIG_SRC=false')
    })
    expect(events).toEqual(['pass', 'parked', 'acknowledged'])
  })
})
