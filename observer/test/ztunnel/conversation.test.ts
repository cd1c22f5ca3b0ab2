// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Conversation, Input, Output } from '../../ztunnel/conversation.ts'
import { begin, step } from '../../ztunnel/conversation.ts'
import { offerOf } from './pods.ts'

const packet = (hex: string, truncated = false): Input => ({
  kind: 'packet',
  packet: new Uint8Array(Buffer.from(hex, 'hex')),
  truncated
})
const nack = (text: string): Input => {
  const error = Buffer.from(text)
  const ack = Buffer.from([0x0a, error.length, ...error])
  return { kind: 'packet', packet: new Uint8Array([0x0a, ack.length, ...ack]), truncated: false }
}
const HELLO = packet('0801')
const ACK = packet('0a00')
const PREPARED: Input = { kind: 'prepared' }
const ADD: Input = { kind: 'say', request: { kind: 'add', offer: offerOf('a') } }
const DEL: Input = { kind: 'say', request: { kind: 'del', uid: 'a' } }
const KEEP: Input = { kind: 'say', request: { kind: 'keep', uid: 'k' } }
const SNAPSHOT: Input = { kind: 'say', request: { kind: 'snapshot' } }
const TIMEOUT: Input = { kind: 'timeout' }

function run(...inputs: Input[]): { now: Conversation; outputs: Output[]; last: readonly Output[] } {
  let { next, outputs: last } = begin()
  const outputs = [...last]
  for (const input of inputs) {
    ;({ next, outputs: last } = step(next, input))
    outputs.push(...last)
  }
  return { now: next, outputs, last }
}

const summary = (outputs: readonly Output[]) => outputs.map(label)

function label(output: Output): string {
  switch (output.kind) {
    case 'deadline':
      return output.ms === undefined ? 'no deadline' : `deadline ${output.ms}`
    case 'close':
      return `close ${output.reason}`
    case 'send':
      return `send ${output.request.kind}`
    case 'answered':
      return `${output.answer.kind} of ${output.request.kind}`
    case 'greeted':
      return 'greeted'
  }
}

describe('a conversation', () => {
  it.each<[string, Input[], string[]]>([
    ['waits for hello', [], ['deadline 5000']],
    ['prepares after hello, and says nothing yet', [HELLO], ['deadline 30000', 'greeted']],
    ['is idle when prepared', [HELLO, PREPARED], ['no deadline']],
    ['says one thing and waits', [HELLO, PREPARED, ADD], ['deadline 5000', 'send add']],
    ['says nothing while it waits', [HELLO, PREPARED, ADD, DEL], []],
    ['says nothing before it is prepared', [HELLO, ADD], []],
    ['goes on after an ack', [HELLO, PREPARED, ADD, ACK], ['no deadline', 'ack of add']],
    [
      'goes on after a nack',
      [HELLO, PREPARED, ADD, nack('failure to start proxy : Bind')],
      ['no deadline', 'pending of add']
    ],
    [
      'tells a nack that ztunnel does not retry',
      [HELLO, PREPARED, ADD, nack('failure to read message : x')],
      ['no deadline', 'refused of add']
    ],
    [
      'takes only an add for pending',
      [HELLO, PREPARED, DEL, nack('failure to start proxy : x')],
      ['no deadline', 'refused of del']
    ],
    ['ends without hello', [TIMEOUT], ['no deadline', 'close hello-timeout']],
    ['ends when preparing takes too long', [HELLO, TIMEOUT], ['no deadline', 'close prepare-timeout']],
    ['ends without an answer', [HELLO, PREPARED, ADD, TIMEOUT], ['no deadline', 'close ack-timeout']],
    ['takes no late ack', [HELLO, PREPARED, ADD, TIMEOUT, ACK], []],
    ['ends on an ack before hello', [ACK], ['no deadline', 'close garbage']],
    ['ends on garbage', [packet('ffffff')], ['no deadline', 'close garbage']],
    ['ends on garbage for an ack', [HELLO, PREPARED, ADD, packet('0aff')], ['no deadline', 'close garbage']],
    ['ends on hello for an ack', [HELLO, PREPARED, ADD, HELLO], ['no deadline', 'close garbage']],
    ['ends on a second hello', [HELLO, HELLO], ['no deadline', 'close unexpected-message']],
    [
      'ends on an ack that nobody asked for',
      [HELLO, PREPARED, ACK],
      ['no deadline', 'close unexpected-message']
    ],
    [
      'ends on a packet that was cut',
      [HELLO, PREPARED, ADD, packet('0a00', true)],
      ['no deadline', 'close garbage']
    ],
    [
      'ends rather than say a second snapshot',
      [HELLO, PREPARED, SNAPSHOT, ACK, SNAPSHOT],
      ['no deadline', 'close protocol']
    ],
    [
      'ends rather than keep after the snapshot',
      [HELLO, PREPARED, SNAPSHOT, ACK, KEEP],
      ['no deadline', 'close protocol']
    ],
    [
      'adds and withdraws after the snapshot',
      [HELLO, PREPARED, SNAPSHOT, ACK, ADD, ACK, DEL],
      ['deadline 5000', 'send del']
    ],
    [
      'ends when a send fails',
      [HELLO, PREPARED, ADD, { kind: 'unsent', badDescriptor: false, cause: 'EPIPE' }],
      ['no deadline', 'close send-failed']
    ],
    [
      'refuses only the pod whose descriptor is bad',
      [HELLO, PREPARED, ADD, { kind: 'unsent', badDescriptor: true, cause: 'EBADF' }],
      ['no deadline', 'refused of add']
    ],
    ['has no timer when the peer has gone', [HELLO, PREPARED, ADD, { kind: 'closed' }], ['no deadline']]
  ])('%s', (_, inputs, expected) => {
    expect(summary(run(...inputs).last)).toEqual(expected)
  })

  it('names the pod and the first line of the nack', () => {
    const { last } = run(
      HELLO,
      PREPARED,
      ADD,
      nack('failure to start proxy : Bind(:15053)\n\nStack backtrace:')
    )
    expect(last[1]).toMatchObject({
      answer: {
        error: {
          code: 'SLUICE_ERR_ZDS_PENDING',
          message: expect.stringMatching(/default\/name-a .*Bind\(:15053\)$/)
        }
      }
    })
  })

  it('refuses a pod whose names are too long, and stays', () => {
    const offer = { ...offerOf('a'), name: 'n'.repeat(2000) }
    const { now, last } = run(HELLO, PREPARED, { kind: 'say', request: { kind: 'add', offer } })
    expect(now.phase).toBe('idle')
    expect(last[1]).toMatchObject({ answer: { kind: 'refused', error: { code: 'SLUICE_ERR_ZDS_TOO_LONG' } } })
  })

  it('keeps the protocol whatever happens', () => {
    const inputs = [HELLO, ACK, PREPARED, ADD, DEL, KEEP, SNAPSHOT, nack('no'), packet('ff')]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...inputs), { maxLength: 30 }), fc.boolean(), (rest, greet) => {
        const { outputs } = run(...(greet ? [HELLO, PREPARED] : []), ...rest)
        const kinds = outputs.flatMap((output) => (output.kind === 'send' ? [output.request.kind] : []))
        const snapshot = kinds.indexOf('snapshot')
        expect(kinds.filter((kind) => kind === 'snapshot').length).toBeLessThanOrEqual(1)
        if (snapshot >= 0) expect(kinds.slice(snapshot)).not.toContain('keep')
        let outstanding = 0
        for (const output of outputs) {
          if (output.kind === 'send') outstanding += 1
          if (output.kind === 'answered') outstanding -= 1
          expect(outstanding === 0 || outstanding === 1).toBe(true)
        }
        const closed = outputs.findIndex(({ kind }) => kind === 'close')
        if (closed >= 0) expect(closed).toBe(outputs.length - 1)
      }),
      { numRuns: 2000 }
    )
  })
})
