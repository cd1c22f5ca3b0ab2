// SPDX-License-Identifier: Apache-2.0
// The stand-in's ZDS bytes against those of a real ztunnel: fed with the recorded agent's packets, it must send the
// recorded ztunnel's.

import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import { type Line, Running, run } from '../../world/running.ts'
import { createWorld, type World } from '../../world/world.ts'
import { startZtunnel, type Ztunnel } from '../../ztunnel/launch.ts'

interface Message {
  readonly from: 'agent' | 'ztunnel'
  readonly hex?: string
  readonly fd?: boolean
  readonly closed?: boolean
  readonly comment: string
}

const E2E = join(import.meta.dirname, '../..')
const DRIVER = join(E2E, '../build/e2e/zds-driver')
const FUZZ = join(E2E, '../build/e2e/zds-fuzz')
/** In the order in which ztunnel made them. */
const CONNECTIONS = ['first-connection', 'reconnect', 'garbage', 'second-snapshot'] as const

function messages(name: string): Message[] {
  const path = join(E2E, 'ztunnel/transcript', `${name}.json`)
  return (JSON.parse(readFileSync(path, 'utf8')) as { messages: Message[] }).messages
}

/** A nack's first words, and the address of the listener left out. */
function words(hex: string): string | undefined {
  const text = Buffer.from(hex, 'hex').toString('latin1')
  const [first] = (/failure to .*/s.exec(text)?.[0] ?? '').split('\n\nStack backtrace')
  return first?.replace(/Bind\([^,]+,/, 'Bind(LISTENER,')
}

/**
 * Byte by byte, but for what is the real one's alone: a backtrace of Rust, and the listener that it opens first
 * (its DNS proxy's, which the stand-in has not). There the words are compared.
 */
function expectSame(actual: string, recorded: string, comment: string): void {
  const own = /Stack backtrace|Bind\(/.test(Buffer.from(recorded, 'hex').toString('latin1'))
  if (own) expect(words(actual), comment).toBe(words(recorded))
  else expect(actual, comment).toBe(recorded)
}

describe('the stand-in’s ZDS conversation', () => {
  let world: World
  let pods: Pod[]
  let driver: Running
  let ztunnel: Ztunnel
  beforeAll(async () => {
    world = await createWorld()
    pods = [await world.pod('a'), await world.pod('b'), await world.pod('a-again')]
    driver = new Running([DRIVER, world.zdsSocket])
    await driver.waitForEvent('listening')
    ztunnel = await startZtunnel(world, { standIn: true })
  })
  afterAll(async () => {
    driver.endInput()
    await world.cleanup()
  })

  function descriptor({ comment }: Message): string {
    if (comment.includes('regular file')) return '/etc/hostname'
    const number = comment.includes('another netns') ? 2 : comment.includes('pod-b') ? 1 : 0
    return `/var/run/netns/${pods[number]?.netns}`
  }

  /** Lines of the driver that were read; the first one is "listening". */
  let read = 1
  function next(): Promise<Line> {
    const index = read++
    return driver.waitFor((line) => driver.lines.indexOf(line) === index)
  }

  it.each(CONNECTIONS)('is a real ztunnel’s: %s', async (name) => {
    expect(await next()).toEqual({ event: 'accepted' })
    for (const message of messages(name)) {
      if (message.from === 'agent') {
        driver.write(`send ${message.hex}${message.fd ? ` ${descriptor(message)}` : ''}\n`)
      } else if (message.closed) {
        expect(await next(), message.comment).toEqual({ event: 'closed' })
      } else {
        const { event, hex } = await next()
        expect(event).toBe('received')
        expectSame(String(hex), message.hex ?? '', message.comment)
      }
    }
    if (name === 'first-connection') driver.write('close\n')
  })

  it('then ends, as ztunnel does after a breach of the protocol', async () => {
    expect(await ztunnel.exited).toEqual({ code: 1, signal: null })
  })
})

it('the stand-in’s decoder reads a million changed packets, and nothing beside them', async () => {
  const inputs = 1_000_000
  const valid = CONNECTIONS.flatMap(messages).flatMap(({ hex }) => (hex === undefined ? [] : [hex]))
  const seed = randomInt(1, 2 ** 31)
  const { code, signal, lines } = await run([FUZZ, String(inputs), String(seed)], { input: valid.join('\n') })
  expect({ code, signal }, `seed ${seed}`).toEqual({ code: 0, signal: null })
  const { inputs: tried, decoded } = lines.at(-1) as unknown as { inputs: number; decoded: number }
  expect(tried).toBe(inputs)
  expect(decoded).toBeGreaterThan(inputs / 100)
  expect(decoded).toBeLessThan(inputs)
})
