// SPDX-License-Identifier: Apache-2.0
// What comes from ztunnel and from the kernel, decoded a million times: FUZZ_SEED repeats a run.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Event, event_kind } from '#contract'
import { BpfObject, Layout, NativeError } from '#native'
import { AckSchema, WorkloadResponseSchema, ZdsHelloSchema } from '#zds'
import { SluiceError } from '../../errors/error.ts'
import { Kubepods } from '../../processes/kubepods.ts'
import { decodeAnswer, decodeHello } from '../../ztunnel/bytes.ts'
import { Dice, Mutations } from './mutation.ts'

const INPUTS = 500_000
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

/** @returns how many were tried, and how many of them decoded */
function fuzz<T>(
  valid: readonly Uint8Array[],
  { decode, isTyped, encode, isFaithful = () => true }: Fuzzed<T>
) {
  const dice = new Dice()
  const mutations = new Mutations(dice, valid)
  const tally = { inputs: 0, decoded: 0 }
  for (; tally.inputs < INPUTS; tally.inputs++) {
    const input = mutations.next()
    const told = () => `FUZZ_SEED=${dice.seed}, input ${tally.inputs}: ${Buffer.from(input).toString('hex')}`
    let value: T
    try {
      value = decode(input)
    } catch (error) {
      if (!isTyped(error)) throw new Error(told(), { cause: error })
      continue
    }
    tally.decoded += 1
    // With nothing behind it: the same.
    if (!same(decode(Uint8Array.from(input)), value)) throw new Error(`reads past its end: ${told()}`)
    if (isFaithful(value) && !same(decode(encode(value)), value))
      throw new Error(`becomes another: ${told()}`)
  }
  return tally
}

function same(one: unknown, other: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
  return text(one) === text(other)
}

function expectMany({ inputs, decoded }: { inputs: number; decoded: number }): void {
  expect(inputs).toBe(INPUTS)
  // Neither all nor none: the mutations stay close to what is valid.
  expect(decoded).toBeGreaterThan(INPUTS / 100)
  expect(decoded).toBeLessThan(INPUTS)
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
  expectMany(fuzz(valid, { decode: decodeHello, isTyped, encode: hello }))
  expectMany(fuzz(valid, { decode: decodeAnswer, isTyped, encode: answer }))
})

it('events of the kernel', { timeout: 300_000 }, () => {
  const { event } = BpfObject.describe(CONTRACT).types
  if (event === undefined) throw new Error('struct event: not in the contract')
  const layout = new Layout(event)
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
  expectMany(
    fuzz(valid, {
      decode,
      isTyped: (error) => error instanceof NativeError && error.code === 'SLUICE_NATIVE_EINVALID_ARGUMENT',
      encode: (value) => layout.encode(value),
      // A name that is not UTF-8 is shown with replacements, which take more room.
      isFaithful: ({ name }) => !name.includes('\ufffd')
    })
  )
})
