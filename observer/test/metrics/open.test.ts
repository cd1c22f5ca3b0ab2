// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { EffectClock } from '../../metrics/effect-clock.ts'
import { openMetrics } from '../../metrics/open.ts'
import { recent } from '../../metrics/recent.ts'
import { factsOf } from './facts.ts'

describe('an agent that is asked again and again', () => {
  it.each(['/readyz', '/metrics'])('looks once a second for all who ask for %s', async (path) => {
    const asked = vi.fn(() => factsOf())
    const log = pino({ enabled: false })
    let address: unknown
    vi.spyOn(log, 'info').mockImplementation((fields: unknown) => {
      address = (fields as { address?: unknown }).address
    })
    const metrics = await openMetrics({ host: '127.0.0.1', port: 0 }, asked, new EffectClock(), log)
    onTestFinished(() => metrics.close())
    const ask = async () => (await fetch(`http://${String(address)}${path}`)).text()

    await ask()
    const once = asked.mock.calls.length
    expect(once).toBeGreaterThan(0)
    const begun = performance.now()
    await Promise.all(Array.from({ length: 20 }, ask))
    const seconds = Math.ceil((performance.now() - begun) / 1000)
    expect(asked.mock.calls.length).toBeLessThanOrEqual(once * (1 + seconds))
    await expect.poll(async () => [await ask(), asked.mock.calls.length][1]).toBeGreaterThan(once)
  })

  it('is told the same until the time is over, while an answer is awaited too', async () => {
    let time = 0
    const pending = Promise.withResolvers<number>()
    const ask = vi.fn(() => pending.promise)
    const get = recent(1000, ask, () => time)
    const [first, second] = [get(), get()]
    pending.resolve(7)
    expect(await Promise.all([first, second])).toEqual([7, 7])
    time = 999
    await get()
    expect(ask).toHaveBeenCalledTimes(1)
    time = 1000
    await get()
    expect(ask).toHaveBeenCalledTimes(2)
  })
})
