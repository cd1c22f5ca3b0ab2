// SPDX-License-Identifier: Apache-2.0
// What comes from ztunnel and from the kernel, decoded a million times and more: FUZZ_SEED repeats a run.

import { readdirSync, readFileSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { counter, type Event, event_kind, type Refusal } from '#contract'
import { BpfObject, Layout, NativeError } from '#native'
import { AckSchema, WorkloadResponseSchema, ZdsHelloSchema } from '#zds'
import { SluiceError } from '../../errors/error.ts'
import { addressOf, NO_ADDRESS } from '../../maps/address.ts'
import { Kubepods } from '../../processes/kubepods.ts'
import { endpointText, refusalOf } from '../../refusals/refusal.ts'
import { decodeAnswer, decodeHello } from '../../ztunnel/bytes.ts'
import { Dice, Mutations } from './mutation.ts'

const MANY = 1_000_000
const TRANSCRIPTS = new URL('../../../e2e/ztunnel/transcript/', import.meta.url)
const CONTRACT = join(import.meta.dirname, '../../../build/kernel/contract.bpf.o')

const { stackTraceLimit } = Error
beforeAll(() => {
  // Most inputs are refused, and nobody reads where.
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

interface Fuzzed<T> {
  readonly decode: (bytes: Uint8Array) => T
  readonly isTyped: (error: unknown) => boolean
  /** Bytes of what was decoded, which must be decoded to the same. */
  readonly encode: (value: T) => Uint8Array
  /** False: `encode` cannot say it. */
  readonly isFaithful?: (value: T) => boolean
}

/** Decodes that many changes of what is valid. */
function fuzz<T>(
  inputs: number,
  valid: readonly Uint8Array[],
  { decode, isTyped, encode, isFaithful = () => true }: Fuzzed<T>
) {
  const dice = new Dice()
  const mutations = new Mutations(dice, valid)
  let decoded = 0
  for (let nth = 0; nth < inputs; nth++) {
    const input = mutations.next()
    const told = () => `FUZZ_SEED=${dice.seed}, input ${nth}: ${Buffer.from(input).toString('hex')}`
    let value: T
    try {
      value = decode(input)
    } catch (error) {
      if (!isTyped(error)) throw new Error(told(), { cause: error })
      continue
    }
    decoded += 1
    // With nothing behind it: the same.
    if (!same(decode(Uint8Array.from(input)), value)) throw new Error(`reads past its end: ${told()}`)
    if (isFaithful(value) && !same(decode(encode(value)), value))
      throw new Error(`becomes another: ${told()}`)
  }
  // Neither all nor none: the mutations stay close to what is valid.
  expect(decoded).toBeGreaterThan(inputs / 100)
  expect(decoded).toBeLessThan(inputs)
}

function same(one: unknown, other: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
  return text(one) === text(other)
}

it('hellos and answers of ztunnel', { timeout: 300_000 }, () => {
  const valid = readdirSync(TRANSCRIPTS)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const { messages } = JSON.parse(readFileSync(new URL(file, TRANSCRIPTS), 'utf8')) as {
        messages: { readonly hex?: string }[]
      }
      return messages.flatMap(({ hex }) =>
        hex === undefined ? [] : [Uint8Array.from(Buffer.from(hex, 'hex'))]
      )
    })
  const isTyped = (error: unknown) => error instanceof SluiceError && error.code === 'SLUICE_ERR_ZDS_GARBAGE'
  const hello = (version: number) => toBinary(ZdsHelloSchema, create(ZdsHelloSchema, { version }))
  const answer = (error: string) => {
    const value = create(AckSchema, { error })
    return toBinary(
      WorkloadResponseSchema,
      create(WorkloadResponseSchema, { payload: { case: 'ack', value } })
    )
  }
  fuzz(MANY / 2, valid, { decode: decodeHello, isTyped, encode: hello })
  fuzz(MANY / 2, valid, { decode: decodeAnswer, isTyped, encode: answer })
})

function layoutOf(struct: 'event' | 'refusal'): Layout {
  const type = BpfObject.describe(CONTRACT).types[struct]
  if (type === undefined) throw new Error(`struct ${struct}: not in the contract`)
  return new Layout(type)
}

const isWrongLength = (error: unknown) =>
  error instanceof NativeError && error.code === 'SLUICE_NATIVE_EINVALID_ARGUMENT'

it('events of the kernel', { timeout: 300_000 }, () => {
  const layout = layoutOf('event')
  const names = [
    'pod0a1b2c3d-1111-2222-3333-444455556666',
    'kubepods-burstable-pod0a1b.slice',
    'kubepods',
    'ü'
  ]
  const valid = Object.values(event_kind).flatMap((kind) =>
    names.map((name) =>
      layout.encode({
        time: 1n,
        cgroup: 2n ** 60n,
        netns: 7n,
        netns_inode: 9,
        pid: 4194304,
        level: 3,
        kind,
        name
      })
    )
  )
  const view = { read: () => ({ verdict: 'unknown' as const, netns: undefined, prepared: false }) }
  const kubepods = new Kubepods({ path: '/nowhere', level: 0 }, [], view)
  const decode = (bytes: Uint8Array) => {
    const told = layout.decode(bytes) as Event
    kubepods.translate(told)
    kubepods.missed(told)
    return told
  }
  fuzz(MANY, valid, {
    decode,
    isTyped: isWrongLength,
    encode: (value) => layout.encode(value),
    // A name that is not UTF-8 is shown with replacements, which take more room.
    isFaithful: ({ name }) => !name.includes('\ufffd')
  })
})

it('refusals of the kernel', { timeout: 300_000 }, () => {
  const layout = layoutOf('refusal')
  const ends = [NO_ADDRESS, addressOf('10.0.0.9'), addressOf('fd00::1'), addressOf('::ffff:10.0.0.9')]
  const valid = Object.values(counter).flatMap((reason) =>
    ends.map((peer, nth) =>
      layout.encode({
        time: 1n,
        netns: 2n ** 63n,
        cgroup: 5n,
        peer,
        dialled: ends[(nth + 1) % ends.length],
        peer_port: 65_535,
        dialled_port: 15_006,
        reason,
        pid: 4194304,
        command: 'fünfzehn'
      })
    )
  )
  const decode = (bytes: Uint8Array) => {
    const record = layout.decode(bytes) as Refusal
    const { peer, dialled, reason } = refusalOf(record)
    for (const end of [peer, dialled])
      if (end !== undefined && !isEndpoint(endpointText(end))) throw new Error(end.address)
    if (reason === '') throw new Error('no reason')
    return record
  }
  const isFaithful = ({ command }: Refusal) => !command.includes('\ufffd')
  fuzz(MANY / 10, valid, {
    decode,
    isTyped: isWrongLength,
    encode: (value) => layout.encode(value),
    isFaithful
  })
})

/** "10.0.0.1:80" or "[fd00::1]:80" */
function isEndpoint(text: string): boolean {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d+)$/.exec(text) ?? []
  return Number(port) < 65_536 && (v6 === undefined ? isIPv4(v4 ?? '') : isIPv6(v6))
}
