// SPDX-License-Identifier: Apache-2.0

import { readdirSync, readFileSync } from 'node:fs'
import { fromBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WorkloadRequestSchema } from '#zds'
import { SluiceError } from '../../errors/error.ts'
import type { Request } from '../../ztunnel/bytes.ts'
import { decodeAnswer, decodeHello, encodeRequest } from '../../ztunnel/bytes.ts'
import { offerOf } from './pods.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const HELLO = hex('0801')
const ACK = hex('0a00')
const NACK = hex('0a050a03626164')

interface Message {
  readonly from: 'agent' | 'ztunnel'
  readonly hex?: string
  readonly fd?: boolean
  readonly comment: string
}

const transcripts = new URL('../../../e2e/ztunnel/transcript/', import.meta.url)
const recorded = readdirSync(transcripts)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    const { messages } = JSON.parse(readFileSync(new URL(file, transcripts), 'utf8')) as {
      messages: Message[]
    }
    return {
      file,
      messages: messages.flatMap((message) =>
        message.hex === undefined ? [] : [{ ...message, packet: hex(message.hex) }]
      )
    }
  })

describe('requests', () => {
  const offer = { ...offerOf('u'), name: 'n', namespace: 's', serviceAccount: 'a' }
  it.each<[Request, string]>([
    [{ kind: 'add', offer }, '0a0e0a0175' + '12090a016e1201731a0161'],
    [{ kind: 'del', uid: 'abc' }, '12051203616263'],
    [{ kind: 'keep', uid: 'abc' }, '2a050a03616263'],
    [{ kind: 'snapshot' }, '1a00']
  ])('%o has pinned bytes', (request, expected) => {
    expect(Buffer.from(encodeRequest(request)).toString('hex')).toBe(expected)
  })

  it('are the bytes that a real ztunnel understood', () => {
    const said = recorded
      .flatMap(({ messages }) => messages)
      .filter(({ from, comment }) => from === 'agent' && comment !== 'garbage')
    expect(said.length).toBeGreaterThan(10)
    expect(new Set(said.map(({ packet }) => requestIn(packet).kind))).toEqual(
      new Set(['add', 'del', 'keep', 'snapshot'])
    )
    for (const { packet } of said) expect(encodeRequest(requestIn(packet))).toEqual(packet)
  })

  it('that ztunnel could not read whole are refused with the pod and the size', () => {
    const offer = { ...offerOf('u'), name: 'n'.repeat(1010) }
    expect(() => encodeRequest({ kind: 'add', offer })).toThrow(
      /default\/n+ has 1\d{3} bytes, and ztunnel reads 1024/
    )
    expect(() => encodeRequest({ kind: 'keep', uid: 'u'.repeat(1100) })).toThrow(SluiceError)
  })

  it('carry any name unchanged', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 40 })
    fc.assert(
      fc.property(name, name, name, name, (uid, n, namespace, serviceAccount) => {
        const request: Request = {
          kind: 'add',
          offer: { uid, name: n, namespace, serviceAccount, netns: '', netnsFd: 3 }
        }
        expect(requestIn(encodeRequest(request))).toMatchObject({
          offer: { uid, name: n, namespace, serviceAccount }
        })
      })
    )
  })
})

describe('answers', () => {
  it('of the transcript are understood', () => {
    for (const { file, messages } of recorded) {
      const [first, ...rest] = messages.filter(({ from }) => from === 'ztunnel')
      expect(decodeHello(first?.packet ?? new Uint8Array()), file).toBe(1)
      for (const { packet, comment } of rest) {
        expect(decodeAnswer(packet) === '', `${file}: ${comment}`).toBe(comment.startsWith('ack'))
      }
    }
  })

  it.each([
    ['an empty packet', ''],
    ['an ack', '0a00'],
    ['a nack', '0a050a03626164'],
    ['an answer that reads like one', '0a021000'],
    ['version 0', '0800'],
    ['a cut varint', '0881'],
    ['a cut tag', '88'],
    ['the version as a string', '0a0131'],
    ['garbage behind it', '0801ff']
  ])('a hello is not %s', (_, packet) => {
    expect(() => decodeHello(hex(packet))).toThrow(/not a hello/)
  })

  it.each([
    ['an empty packet', ''],
    ['a hello', '0801'],
    ['a number that reads like an empty error', '0800'],
    ['another field', '1200'],
    ['cut', '0a050a0362'],
    ['an error that is longer than its message', '0a020a0362616464'],
    ['an error that is a number', '0a020801'],
    ['garbage', 'ffffff']
  ])('an ack is not %s', (_, packet) => {
    expect(() => decodeAnswer(hex(packet))).toThrow(/not an ack/)
  })

  it('may carry fields of a later version', () => {
    expect(decodeHello(hex('0801120161'))).toBe(1)
    expect(decodeHello(hex('0802'))).toBe(2)
    expect(decodeAnswer(hex('0a0012026869'))).toBe('')
  })

  it('never throw anything but a coded error, however a valid packet is changed', () => {
    const real = recorded.flatMap(({ messages }) => messages.map(({ packet }) => packet))
    const change = fc.record({
      at: fc.nat(2000),
      byte: fc.nat(255),
      cut: fc.boolean(),
      more: fc.uint8Array({ maxLength: 6 })
    })
    const valid = fc.constantFrom(HELLO, ACK, NACK, ...real)
    fc.assert(
      fc.property(valid, fc.array(change, { minLength: 1, maxLength: 4 }), (packet, changes) => {
        for (const decode of [decodeHello, decodeAnswer])
          expect(outcome(() => decode(mutated(packet, changes)))).toBe('fine')
      }),
      { numRuns: 3000 }
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (packet) => {
        for (const decode of [decodeHello, decodeAnswer]) expect(outcome(() => decode(packet))).toBe('fine')
      }),
      { numRuns: 3000 }
    )
  })
})

function mutated(
  packet: Uint8Array,
  changes: { at: number; byte: number; cut: boolean; more: Uint8Array }[]
): Uint8Array {
  let bytes = Uint8Array.from(packet)
  for (const { at, byte, cut, more } of changes) {
    if (bytes.length > 0) bytes[at % bytes.length] = byte
    if (cut) bytes = bytes.slice(0, at % (bytes.length + 1))
    bytes = Uint8Array.from([...bytes, ...more])
  }
  return bytes
}

function outcome(decode: () => string | number): string {
  try {
    return typeof decode() === 'object' ? 'odd' : 'fine'
  } catch (error) {
    return error instanceof SluiceError && error.code === 'SLUICE_ERR_ZDS_GARBAGE'
      ? 'fine'
      : `threw ${String(error)}`
  }
}

function requestIn(packet: Uint8Array): Request {
  const { payload } = fromBinary(WorkloadRequestSchema, packet)
  switch (payload.case) {
    case 'add': {
      const { name = '', namespace = '', serviceAccount = '' } = payload.value.workloadInfo ?? {}
      return {
        kind: 'add',
        offer: { uid: payload.value.uid, name, namespace, serviceAccount, netns: '', netnsFd: 3 }
      }
    }
    case 'del':
    case 'keep':
      return { kind: payload.case, uid: payload.value.uid }
    case 'snapshotSent':
      return { kind: 'snapshot' }
    default:
      throw new Error('no payload')
  }
}
