// SPDX-License-Identifier: Apache-2.0
// SIGTERM may come at once: an uninstall while the agent starts.

import { existsSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mesh } from '../setup/mesh.ts'

describe('an agent that is told to end while it starts', () => {
  const node = mesh({ agent: { ready: false } })

  it('starts, and ends in order', async () => {
    const { agent } = node
    const lock = `${agent.controlSocket}.lock`
    await agent.untilReady()
    await agent.stop()
    rmSync(lock)
    await agent.restart()
    await expect.poll(() => existsSync(lock), { interval: 1 }).toBe(true)
    expect(await agent.stop()).toEqual({ code: 0, signal: null })
    const told = agent.log.map(({ msg }) => msg)
    expect(told.filter((msg) => /^agent (started|ends)/.test(String(msg)))).toEqual([
      'agent started',
      'agent ends; pods stay steered'
    ])
  })
})
