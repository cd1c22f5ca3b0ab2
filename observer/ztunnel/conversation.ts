// SPDX-License-Identifier: Apache-2.0
// One connection with one ztunnel: hello, then strict question and answer. Pure: step() says what to do.

import { SluiceError } from '../errors/error.ts'
import type { Request } from './bytes.ts'
import { decodeAnswer, decodeHello, encodeRequest, subjectOf } from './bytes.ts'

/** Until hello, and until an answer. Istio's agent waits as long, but goes on with the connection. */
export const ANSWER_DEADLINE_MS = 5_000
/** From hello until the peer is known to be ztunnel and its hooks are attached. */
export const PREPARE_DEADLINE_MS = 30_000

export type Conversation =
  | { readonly phase: 'hello' }
  | { readonly phase: 'preparing' }
  | { readonly phase: 'idle'; readonly snapshotSent: boolean }
  | { readonly phase: 'waiting'; readonly snapshotSent: boolean; readonly asked: Request }
  | { readonly phase: 'closed' }

export type Input =
  | { readonly kind: 'packet'; readonly packet: Uint8Array; readonly truncated: boolean }
  /** The peer may be spoken to. */
  | { readonly kind: 'prepared' }
  /** Only while idle. */
  | { readonly kind: 'say'; readonly request: Request }
  /** The last `send` failed; with a bad descriptor nothing was sent, and the connection is sound. */
  | { readonly kind: 'unsent'; readonly badDescriptor: boolean; readonly cause: unknown }
  | { readonly kind: 'timeout' }
  /** The connection has ended, or the server wants it to. */
  | { readonly kind: 'closed' }

export type Answer =
  | { readonly kind: 'ack' }
  /** The pod's listeners could not be started; ztunnel tries again by itself, and does not tell. */
  | { readonly kind: 'pending'; readonly error: SluiceError }
  | { readonly kind: 'refused'; readonly error: SluiceError }

export type CloseReason =
  | 'hello-timeout'
  | 'prepare-timeout'
  | 'ack-timeout'
  | 'garbage'
  | 'unexpected-message'
  | 'send-failed'
  | 'protocol'

export type Output =
  | { readonly kind: 'greeted'; readonly version: number }
  | { readonly kind: 'send'; readonly request: Request; readonly packet: Uint8Array }
  | { readonly kind: 'answered'; readonly request: Request; readonly answer: Answer }
  /** A `timeout` is due after so many milliseconds; undefined: none is. Replaces the one before. */
  | { readonly kind: 'deadline'; readonly ms: number | undefined }
  | { readonly kind: 'close'; readonly reason: CloseReason; readonly cause?: unknown }

export interface Step {
  readonly next: Conversation
  readonly outputs: readonly Output[]
}

/** A new connection. */
export function begin(): Step {
  return { next: { phase: 'hello' }, outputs: [{ kind: 'deadline', ms: ANSWER_DEADLINE_MS }] }
}

/** What follows from an input; a closed conversation stays closed. */
export function step(now: Conversation, input: Input): Step {
  if (now.phase === 'closed') return { next: now, outputs: [] }
  switch (input.kind) {
    case 'packet':
      return hear(now, input.packet, input.truncated)
    case 'prepared':
      return now.phase === 'preparing' ? idle(false) : unchanged(now)
    case 'say':
      return now.phase === 'idle' ? say(now.snapshotSent, input.request) : unchanged(now)
    case 'unsent':
      return unsent(now, input.badDescriptor, input.cause)
    case 'timeout':
      return timeout(now)
    case 'closed':
      return { next: { phase: 'closed' }, outputs: [NO_DEADLINE] }
  }
}

const NO_DEADLINE: Output = { kind: 'deadline', ms: undefined }

function unchanged(now: Conversation): Step {
  return { next: now, outputs: [] }
}

function close(reason: CloseReason, cause?: unknown): Step {
  return { next: { phase: 'closed' }, outputs: [NO_DEADLINE, { kind: 'close', reason, cause }] }
}

function idle(snapshotSent: boolean, ...outputs: Output[]): Step {
  return { next: { phase: 'idle', snapshotSent }, outputs: [NO_DEADLINE, ...outputs] }
}

function hear(now: Conversation, packet: Uint8Array, truncated: boolean): Step {
  if (now.phase !== 'hello' && now.phase !== 'waiting') return close('unexpected-message')
  if (truncated) return close('garbage', 'longer than the buffer')
  try {
    if (now.phase === 'waiting') {
      const answer = answerTo(now.asked, decodeAnswer(packet))
      return idle(now.snapshotSent, { kind: 'answered', request: now.asked, answer })
    }
    const version = decodeHello(packet)
    const deadline: Output = { kind: 'deadline', ms: PREPARE_DEADLINE_MS }
    return { next: { phase: 'preparing' }, outputs: [deadline, { kind: 'greeted', version }] }
  } catch (error) {
    return close('garbage', error)
  }
}

function answerTo(request: Request, error: string): Answer {
  if (error === '') return { kind: 'ack' }
  // ztunnel may append a backtrace; its first line says what happened.
  const cause = error.split('\n', 1)[0]?.slice(0, 300)
  const pod = subjectOf(request)
  if (request.kind === 'add' && error.startsWith('failure to start proxy')) {
    return { kind: 'pending', error: new SluiceError('SLUICE_ERR_ZDS_PENDING', { pod }, cause) }
  }
  return { kind: 'refused', error: new SluiceError('SLUICE_ERR_ZDS_NACK', { pod }, cause) }
}

function say(snapshotSent: boolean, request: Request): Step {
  // Either would end the ztunnel process, and every connection of the node with it.
  if (snapshotSent && (request.kind === 'snapshot' || request.kind === 'keep')) {
    return close('protocol', `${request.kind} after the snapshot`)
  }
  try {
    const packet = encodeRequest(request)
    return {
      next: { phase: 'waiting', snapshotSent: snapshotSent || request.kind === 'snapshot', asked: request },
      outputs: [
        { kind: 'deadline', ms: ANSWER_DEADLINE_MS },
        { kind: 'send', request, packet }
      ]
    }
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    return idle(snapshotSent, { kind: 'answered', request, answer: { kind: 'refused', error } })
  }
}

function unsent(now: Conversation, badDescriptor: boolean, cause: unknown): Step {
  if (now.phase !== 'waiting') return unchanged(now)
  if (!badDescriptor) return close('send-failed', cause)
  const error = new SluiceError('SLUICE_ERR_ZDS_NETNS', { pod: subjectOf(now.asked) }, cause)
  return idle(now.snapshotSent, { kind: 'answered', request: now.asked, answer: { kind: 'refused', error } })
}

function timeout(now: Conversation): Step {
  if (now.phase === 'hello') return close('hello-timeout')
  if (now.phase === 'preparing') return close('prepare-timeout')
  return now.phase === 'waiting' ? close('ack-timeout') : unchanged(now)
}
