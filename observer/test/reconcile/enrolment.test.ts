// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest'
import type { Dwelling } from '../../reconcile/enrolment.ts'
import { enrolment } from './enrolling.ts'

describe('an enrolment', () => {
  it('that a former agent began is taken over: its routing is adopted, and it is captured as it was', async () => {
    const { run, netns, parts } = enrolment('leave', 'steer')
    const former = { bypassInbound: true, dns: true }
    parts.entries.readTraits = () => former
    parts.lookups.has.mockReturnValue(true)
    await run()
    expect(netns.prepare).toHaveBeenCalledWith(true)
    expect(parts.entries.write.mock.calls[0]?.at(-1)).toBe(former)
  })

  it('that is repeated lets go of the former lookup, and adopts nothing', async () => {
    const { run, netns, parts, dwelling } = enrolment('leave', 'steer')
    const former = { close: vi.fn() }
    dwelling.lookup = former as unknown as Dwelling['lookup']
    parts.lookups.has.mockReturnValue(true)
    await run()
    expect(former.close).toHaveBeenCalledOnce()
    expect(netns.prepare).toHaveBeenCalledWith(false)
    expect(dwelling.lookup).toBe(parts.lookups.attach.mock.results[0]?.value)
  })

  it('that is repeated keeps the former lookup until the next is attached', async () => {
    const { run, parts, dwelling } = enrolment('leave', 'steer')
    const former = { close: vi.fn() }
    dwelling.lookup = former as unknown as Dwelling['lookup']
    const attach = parts.lookups.attach.getMockImplementation()
    parts.lookups.attach.mockImplementation(() => {
      expect(former.close).not.toHaveBeenCalled()
      expect(dwelling.lookup).toBe(former)
      return attach?.() ?? { close: vi.fn() }
    })
    await run()
    expect(parts.lookups.attach).toHaveBeenCalledOnce()
    expect(former.close).toHaveBeenCalledOnce()
  })

  it.each([
    ['answers', true],
    ['does not answer', false]
  ])('captures DNS where ztunnel %s it', async (_, answers) => {
    const { run, netns, parts, dwelling } = enrolment('leave', 'held')
    if (!answers) netns.listeners.mockResolvedValue([])
    await run()
    expect(dwelling.traits.dns).toBe(answers)
    expect(parts.entries.write.mock.lastCall?.at(-1)).toMatchObject({ dns: answers })
  })

  it('visits the pod once to see who listens', async () => {
    const { run, netns } = enrolment('leave', 'held')
    await run()
    expect(netns.listeners).toHaveBeenCalledExactlyOnceWith([15001, 15006, 15008, 15053])
  })

  it('needs every listener of ztunnel, and says why one could not be found', async () => {
    const { run, parts, events } = enrolment('leave', 'held')
    parts.listeners.adopt.mockRejectedValue(new Error('no pidfd'))
    parts.listeners.missing.mockReturnValue([15001, 15008])
    await expect(run()).rejects.toMatchObject({
      code: 'SLUICE_ERR_ZTUNNEL_NOT_LISTENING',
      message: expect.stringMatching(/shop\/app.*15001, 15008.*no pidfd/)
    })
    expect(events).not.toContain('steer')
  })

  it.each([
    [
      'the routing',
      (each: ReturnType<typeof enrolment>) => each.netns.prepare.mockRejectedValue(new Error('no'))
    ],
    ['the lookup', (each) => each.parts.lookups.load.mockRejectedValue(new Error('no'))],
    ['the parked listener', (each) => each.parts.listeners.park.mockRejectedValue(new Error('no'))],
    ['ztunnel', (each) => each.parts.zds.offer.mockRejectedValue(new Error('no'))]
  ] satisfies [string, (each: ReturnType<typeof enrolment>) => unknown][])(
    'that %s refuses leaves the verdict as it was',
    async (_, breakIt) => {
      const each = enrolment('reset', 'pass')
      breakIt(each)
      await expect(each.run()).rejects.toThrow('no')
      expect(each.events).not.toContain('steer')
      expect(each.events).not.toContain('reset')
    }
  )
})

describe('an enrolment that is called off', () => {
  it('before the lookup is attached attaches none', async () => {
    const { run, parts, events } = enrolment('reset', 'pass')
    const controller = new AbortController()
    parts.listeners.park.mockImplementation(async () => {
      controller.abort()
      return 0
    })
    await expect(run(controller.signal)).rejects.toThrow('aborted')
    expect(parts.lookups.attach).not.toHaveBeenCalled()
    expect(events).toEqual(['pass'])
  })

  it('while ztunnel is silent ends at once, and steers nothing when the answer comes', async () => {
    const { run, parts, events } = enrolment('reset', 'pass')
    const controller = new AbortController()
    const answer = Promise.withResolvers<void>()
    parts.zds.offer.mockReturnValue(answer.promise)
    const running = run(controller.signal)
    await expect.poll(() => parts.zds.offer.mock.calls.length).toBe(1)
    controller.abort()
    await expect(running).rejects.toThrow('aborted')
    answer.resolve()
    await answer.promise
    expect(events).toEqual(['pass', 'parked'])
  })

  it('after the acknowledgement steers nothing', async () => {
    const { run, netns, events } = enrolment('reset', 'pass')
    const controller = new AbortController()
    netns.listeners.mockImplementation(async () => {
      controller.abort()
      return []
    })
    await expect(run(controller.signal)).rejects.toThrow('aborted')
    expect(events).toEqual(['pass', 'parked', 'acknowledged'])
  })
})

describe('a conflict in the pod’s namespace', () => {
  const conflict = new Error('a rule comes before ours')

  it.each(['pass', 'held', 'unknown'] as const)(
    'keeps a pod from joining, untouched: %s',
    async (verdict) => {
      const { run, netns, events, parts } = enrolment('leave', verdict)
      netns.refuseConflicts.mockRejectedValue(conflict)
      await expect(run()).rejects.toThrow(conflict)
      expect(netns.prepare).not.toHaveBeenCalled()
      expect(parts.lookups.attach).not.toHaveBeenCalled()
      expect(events).toEqual([verdict])
    }
  )

  it('throws no steered pod out', async () => {
    const { run, netns, events } = enrolment('leave', 'steer')
    netns.refuseConflicts.mockRejectedValue(conflict)
    await run()
    expect(events.at(-1)).toBe('steer')
  })
})
