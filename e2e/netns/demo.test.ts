// SPDX-License-Identifier: Apache-2.0
// `make demo` itself: true on this machine, not true when the mechanism is off, gone when it is over.

import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { mountPoint } from '../world/mounts.ts'

const DEMO = join(import.meta.dirname, '../demo/main.ts')

function named(directory: string, prefix: string): string[] {
  const names = existsSync(directory) ? readdirSync(directory) : []
  return names.filter((name) => name.includes(prefix)).map((name) => join(directory, name))
}

function processes(prefix: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return command.includes(prefix) ? [command] : []
      } catch {
        return []
      }
    })
}

/** What a demo of this process id has made and not removed: its world is named after it. */
function traces(pid: number): string[] {
  const prefix = `sl${pid.toString(36).slice(-4)}`
  const places = ['/var/run/netns', '/sys/class/net', '/run', mountPoint('cgroup2'), mountPoint('bpf')]
  const own = new RegExp(`${prefix}[0-9a-f]{3}(?![0-9a-z])|${prefix}[0-9a-f]{3}(br|v)`)
  return [...places.flatMap((place) => named(place, prefix)), ...processes(prefix)].filter((trace) =>
    own.test(trace)
  )
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
  readonly seen: number
  readonly left: readonly string[]
}

/** `after`: ms since its first words. `whole`: the signal reaches every process of the group, as Ctrl-C does. */
interface Interruption {
  readonly signal: NodeJS.Signals
  readonly after: number
  readonly whole: boolean
}

async function demo(env: Record<string, string>, interruption?: Interruption): Promise<Ended> {
  const child = spawn(process.execPath, [DEMO], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env }
  })
  const pid = child.pid ?? -1
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const closed = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  let seen = 0
  const watching = setInterval(() => {
    seen = Math.max(seen, traces(pid).length)
  }, 200)
  if (interruption !== undefined) {
    await once(child.stdout, 'data')
    await sleep(interruption.after)
    process.kill(interruption.whole ? -pid : pid, interruption.signal)
  }
  const [code, signal] = await closed
  clearInterval(watching)
  return { code, signal, output, seen, left: traces(pid) }
}

describe('the demo', () => {
  it('shows what is true, in colour only on a terminal, and leaves nothing', async () => {
    const { code, output, seen, left } = await demo({})
    expect(output).toContain('All of it is true.')
    expect(output).not.toContain('NOT TRUE')
    expect(output).not.toContain('\u001b')
    expect(code).toBe(0)
    expect(seen).toBeGreaterThan(4)
    expect(left).toEqual([])
  })

  it('says what is not true, and fails, when the pod is not steered', async () => {
    const { code, output, left } = await demo({ SLUICE_EXCLUDE_NAMESPACES: 'demo', DEMO_PATIENCE: '3000' })
    for (const step of ['2. web joins the mesh', '3. A process that starts later', '6. web leaves the mesh'])
      expect(output).toContain(step)
    expect(output.match(/NOT TRUE/g)?.length).toBeGreaterThan(5)
    expect([code, left]).toEqual([1, []])
  })

  it.each([
    ['an agent that cannot start', { SLUICE_NO_SUCH_SETTING: '1' }, 'SLUICE_NO_SUCH_SETTING'],
    ['a ztunnel that ends', { ZTUNNEL_BIN: '/bin/false' }, 'ztunnel ended (1)'],
    ['no ztunnel', { ZTUNNEL_BIN: '/nowhere/ztunnel' }, '/nowhere/ztunnel is not there']
  ])('says why it cannot go on: %s', async (_, env, why) => {
    const { code, output, left } = await demo(env)
    expect(output).toContain(why)
    expect([code, left]).toEqual([1, []])
  })

  const moments: Interruption[] = [
    { signal: 'SIGINT', after: randomInt(0, 700), whole: true },
    { signal: 'SIGINT', after: randomInt(700, 2200), whole: true },
    { signal: 'SIGTERM', after: randomInt(0, 700), whole: false },
    { signal: 'SIGTERM', after: randomInt(700, 2200), whole: false }
  ]
  it.each(moments)('leaves nothing after $signal at $after ms', async (moment) => {
    const { code, output, left } = await demo({}, moment)
    expect(left).toEqual([])
    expect(output).toContain('on this machine: nothing left')
    expect(code).toBe(moment.signal === 'SIGINT' ? 130 : 143)
  })
})
