// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../errors/error.ts'
import type { Request } from '../../ztunnel/bytes.ts'
import type { Answer } from '../../ztunnel/conversation.ts'
import { Registry } from '../../ztunnel/registry.ts'
import { offerOf } from './pods.ts'

const ACK: Answer = { kind: 'ack' }
const PENDING = {
  kind: 'pending',
  error: new SluiceError('SLUICE_ERR_ZDS_PENDING', { pod: 'p' })
} as const satisfies Answer
const REFUSED = {
  kind: 'refused',
  error: new SluiceError('SLUICE_ERR_ZDS_NACK', { pod: 'p' })
} as const satisfies Answer

const label = (request: Request) =>
  request.kind === 'snapshot'
    ? 'snapshot'
    : `${request.kind} ${request.kind === 'add' ? request.offer.uid : request.uid}`

/** Says everything that is due to a connection, and gives each the answer. */
function tell(registry: Registry, id: number, answer: (request: Request) => Answer = () => ACK): string[] {
  const said: string[] = []
  for (let request = registry.next(id); request !== undefined; request = registry.next(id)) {
    said.push(label(request))
    registry.answered(id, request, answer(request))
    if (said.length > 1000) throw new Error(`no end: ${said.slice(-3).join(', ')}`)
  }
  return said
}

function settled(...uids: string[]): Registry {
  const registry = new Registry()
  for (const uid of uids) registry.offer(offerOf(uid))
  registry.complete()
  return registry
}

describe('the registry', () => {
  it('sends adds, keeps and then the snapshot, which waits until everything has been named', () => {
    const registry = new Registry()
    registry.join(1)
    registry.offer(offerOf('a'))
    registry.keep('k')
    expect(tell(registry, 1)).toEqual(['add a', 'keep k'])
    registry.offer(offerOf('b'))
    registry.complete()
    expect(tell(registry, 1)).toEqual(['add b', 'snapshot'])
    registry.keep('late')
    expect(tell(registry, 1)).toEqual([])
  })

  it.each([REFUSED, PENDING])('says why the next ztunnel does not serve a pod: $kind', (answer) => {
    const registry = settled('a', 'b')
    registry.join(1)
    tell(registry, 1)
    expect(registry.refusal('a')).toBeUndefined()
    registry.leave(1)
    registry.join(2)
    expect(registry.refusal('a')).toBeUndefined()
    tell(registry, 2, (request) => (label(request) === 'add a' ? answer : ACK))
    expect(registry.refusal('a')).toMatchObject({ code: answer.error.code })
    expect(registry.refusal('b')).toBeUndefined()
    registry.offer(offerOf('a'))
    expect(registry.refusal('a')).toBeUndefined()
    expect(tell(registry, 2)).toEqual(['add a'])
  })

  it('says why a pod is not served after the ztunnel that refused it has gone', () => {
    const registry = settled('a')
    registry.join(1)
    tell(registry, 1, () => REFUSED)
    registry.leave(1)
    registry.join(2)
    expect(tell(registry, 2)).toEqual(['keep a', 'snapshot'])
    expect(registry.refusal('a')).toMatchObject({ code: 'SLUICE_ERR_ZDS_NACK' })
  })

  it('adds what was kept once its netns is known, and keeps nothing that is offered', () => {
    const registry = new Registry()
    registry.keep('a')
    registry.offer(offerOf('a'))
    registry.keep('a')
    registry.complete()
    registry.join(1)
    expect(tell(registry, 1)).toEqual(['add a', 'snapshot'])
  })

  it('sends an add once, however often it is offered', () => {
    const registry = settled('a')
    registry.join(1)
    tell(registry, 1)
    expect(registry.answerFor('a')).toBe(ACK)
    registry.offer({ ...offerOf('a'), netnsFd: 77 })
    expect(registry.answerFor('a')).toBe(ACK)
    expect(tell(registry, 1)).toEqual([])
  })

  it('sends it again for another netns or another service account', () => {
    const registry = settled('a')
    registry.join(1)
    tell(registry, 1)
    registry.offer(offerOf('a', 'another'))
    expect(registry.answerFor('a')).toBeUndefined()
    expect(tell(registry, 1)).toEqual(['add a'])
    registry.offer({ ...offerOf('a', 'another'), serviceAccount: 'other' })
    expect(tell(registry, 1)).toEqual(['add a'])
  })

  it('adds to the newest and withdraws from all', () => {
    const registry = settled('a')
    registry.join(1)
    registry.join(2)
    expect(tell(registry, 1)).toEqual(['add a', 'snapshot'])
    expect(tell(registry, 2)).toEqual(['add a', 'snapshot'])
    registry.offer(offerOf('b'))
    expect(tell(registry, 1)).toEqual([])
    expect(tell(registry, 2)).toEqual(['add b'])
    registry.withdraw('a')
    expect(tell(registry, 1)).toEqual(['del a'])
    expect(registry.isWithdrawn('a')).toBe(false)
    expect(tell(registry, 2)).toEqual(['del a'])
    expect(registry.isWithdrawn('a')).toBe(true)
  })

  it('gives the one before the newest what it missed when the newest goes', () => {
    const registry = settled('a')
    registry.join(1)
    tell(registry, 1)
    registry.join(2)
    tell(registry, 2)
    registry.offer(offerOf('b'))
    tell(registry, 2)
    registry.leave(2)
    expect(registry.answerFor('a')).toBe(ACK)
    expect(registry.answerFor('b')).toBeUndefined()
    expect(tell(registry, 1)).toEqual(['add b'])
    expect(registry.answerFor('b')).toBe(ACK)
  })

  it('tells a new ztunnel everything, though the one before has acked it', () => {
    const registry = settled('a', 'b')
    registry.join(1)
    tell(registry, 1)
    registry.leave(1)
    registry.join(2)
    expect(registry.answerFor('a')).toBeUndefined()
    expect(tell(registry, 2)).toEqual(['add a', 'add b', 'snapshot'])
  })

  it('counts the gone as having withdrawn', () => {
    const registry = settled('a')
    registry.join(1)
    registry.withdraw('a')
    registry.leave(1)
    expect(registry.isWithdrawn('a')).toBe(true)
  })

  it('takes no answer to an add that was withdrawn meanwhile', () => {
    const registry = settled('a')
    registry.join(1)
    const request = registry.next(1)
    registry.withdraw('a')
    registry.offer(offerOf('a'))
    if (request !== undefined) registry.answered(1, request, ACK)
    expect(registry.answerFor('a')).toBeUndefined()
    expect(tell(registry, 1)).toEqual(['del a', 'add a', 'snapshot'])
  })

  it('keeps a pod again that was kept, withdrawn and kept', () => {
    const registry = new Registry()
    registry.join(1)
    registry.keep('k')
    const request = registry.next(1)
    registry.withdraw('k')
    if (request !== undefined) registry.answered(1, request, ACK)
    registry.keep('k')
    expect(tell(registry, 1)).toEqual(['del k', 'keep k'])
  })

  it('asks about a pending pod only when it is offered again, and lets the others through', () => {
    const registry = settled('a', 'b')
    registry.join(1)
    expect(tell(registry, 1, (request) => (label(request) === 'add a' ? PENDING : ACK))).toEqual([
      'add a',
      'add b',
      'snapshot'
    ])
    expect(registry.answerFor('a')).toBe(PENDING)
    expect(registry.answerFor('b')).toBe(ACK)
    registry.offer(offerOf('a'))
    expect(tell(registry, 1)).toEqual(['add a'])
    expect(registry.answerFor('a')).toBe(ACK)
  })

  it('only keeps a refused pod in the next snapshot, until it is offered again', () => {
    const registry = settled('a', 'b')
    registry.join(1)
    tell(registry, 1, (request) => (label(request) === 'add a' ? REFUSED : ACK))
    registry.leave(1)
    registry.join(2)
    expect(tell(registry, 2)).toEqual(['add b', 'keep a', 'snapshot'])
    registry.offer(offerOf('a'))
    expect(tell(registry, 2)).toEqual(['add a'])
  })
})
