// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { defer, NEVER, type Observable, of, throwError } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import type { ApiRequest } from '../../kubernetes/api.ts'
import { ApiFailure } from '../../kubernetes/failure.ts'
import { type Answer, futureOf, OwnDaemonSet } from '../../kubernetes/own-daemon-set.ts'

const THERE = { kind: 'DaemonSet', metadata: { name: 'sluice' } }
const DELETED = { kind: 'DaemonSet', metadata: { name: 'sluice', deletionTimestamp: '2026-11-22T10:00:00Z' } }
const GONE = new ApiFailure(404, 'not found', { reason: 'NotFound', about: 'sluice' })
const AWAY = new ApiFailure(0, 'connect ECONNREFUSED')
/** A request that is never answered. */
const SILENT = {}
const UNKNOWN = new ApiFailure(401, 'Unauthorized')
const DENIED = new ApiFailure(403, 'forbidden', { reason: 'Forbidden', about: 'sluice' })

describe('what follows an agent', () => {
  it.each<[string, Answer, string]>([
    ['its DaemonSet is there', { daemonSet: THERE }, 'succeeded'],
    ['its DaemonSet is being deleted', { daemonSet: DELETED }, 'uninstalled'],
    ['its DaemonSet is gone', { failure: GONE }, 'uninstalled'],
    ['a proxy knows no such page', { failure: new ApiFailure(404, 'page not found') }, 'unclear'],
    [
      'another object is not found',
      { failure: new ApiFailure(404, '', { reason: 'NotFound', about: 'other' }) },
      'unclear'
    ],
    ['the server is away', { failure: AWAY }, 'unclear'],
    ['it may not ask', { failure: DENIED }, 'unclear'],
    ['its account is not known', { failure: UNKNOWN }, 'unclear'],
    ['the answer is another object', { daemonSet: { kind: 'Status' } }, 'unclear'],
    ['the answer is nothing', { daemonSet: null }, 'unclear']
  ])('when %s', (_, answer, future) => {
    expect(futureOf(answer, 'sluice')).toBe(future)
  })
})

describe('an agent that is told to end', () => {
  const asked: ApiRequest[] = []

  /** @param answers the last one stays */
  function agentWith(...answers: (object | ApiFailure)[]): OwnDaemonSet {
    asked.length = 0
    const api = {
      answer: (request: ApiRequest): Observable<unknown> =>
        defer(() => {
          const answer = answers[Math.min(asked.length, answers.length - 1)]
          asked.push(request)
          if (answer === SILENT) return NEVER
          return answer instanceof ApiFailure ? throwError(() => answer) : of(answer)
        })
    }
    const name = { namespace: 'mesh', name: 'sluice' }
    const log = pino({ enabled: false })
    return new OwnDaemonSet({ api, name, log, pauseMs: 1, answerWithinMs: 5, random: () => 0 })
  }

  async function ended(...answers: (object | ApiFailure)[]): Promise<boolean> {
    const daemonSet = agentWith(...answers)
    daemonSet.meet()
    const clear = answers.findIndex((answer) => answer === THERE || answer === GONE)
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(clear), { timeout: 30_000 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    return daemonSet.isUninstalled()
  }

  it('asks for its DaemonSet by name', async () => {
    await ended(THERE)
    expect(asked[0]).toEqual({ path: '/apis/apps/v1/namespaces/mesh/daemonsets/sluice' })
  })

  it.each<[string, boolean, (object | ApiFailure)[]]>([
    ['keeps what it has made for the next', false, [THERE, THERE]],
    ['takes it back when nobody follows', true, [THERE, GONE]],
    ['takes it back when the DaemonSet is being deleted', true, [THERE, DELETED]],
    ['keeps it while the server is away', false, [THERE, AWAY]],
    ['keeps it while the server is silent, and does not wait for it', false, [THERE, SILENT]],
    ['keeps it when it may not ask any more', false, [THERE, DENIED]],
    ['asks again before it doubts', true, [THERE, AWAY, AWAY, GONE]],
    ['has met its DaemonSet after it was refused', true, [DENIED, THERE, GONE]],
    ['has met it after its account was not known', true, [UNKNOWN, THERE, GONE]],
    ['has met it after a proxy answered', true, [{ kind: 'Status' }, THERE, GONE]],
    ['keeps it when it never was in such a DaemonSet', false, [GONE, GONE]]
  ])('%s', async (_, uninstalled, answers) => {
    expect(await ended(...answers)).toBe(uninstalled)
  })

  it('keeps it when it could not ask before', async () => {
    expect(await agentWith(GONE).isUninstalled()).toBe(false)
  })
})
