// SPDX-License-Identifier: Apache-2.0
import type { CoreV1Event } from '@kubernetes/client-node'
import { pino } from 'pino'
import { of } from 'rxjs'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { ApiRequest } from '../../kubernetes/api.ts'
import type { WarningKind } from '../../membership/membership.ts'
import type { Announcement } from '../../pods/effect.ts'
import { step } from '../../pods/machine.ts'
import { Publisher } from '../../publish/publisher.ts'
import { cgroup, LENIENT, membership, pod, podState } from '../pods/pods.ts'

let events: CoreV1Event[] = []

const publisher = new Publisher({
  api: {
    answer: ({ body }: ApiRequest) => {
      events.push(body?.value as CoreV1Event)
      return of({})
    }
  },
  mode: 'enforce',
  nodeName: 'n1',
  log: pino({ enabled: false })
})

afterEach(() => {
  events = []
})
afterAll(() => publisher.close())

const told = () => events.map(({ type, reason, message }) => [type, reason, message])

describe('what a pod is told of in Events', () => {
  it.each<[Announcement, string, string]>([
    ['joined', 'Normal', 'Joined'],
    ['left', 'Normal', 'Left'],
    ['failed', 'Warning', 'EnrolmentFailed'],
    ['stays', 'Warning', 'LeavingFailed'],
    ['conflict', 'Warning', 'Conflict'],
    ['invalid-value', 'Warning', 'InvalidValue'],
    ['opt-out-not-allowed', 'Warning', 'OptOutNotAllowed'],
    ['not-supported', 'Warning', 'NotSupported'],
    ['unsupported', 'Warning', 'Unsupported'],
    ['condition', 'Warning', 'Condition']
  ])('%s: %s %s, with the reason', (what, type, reason) => {
    const state = podState({ pod: pod({ uid: what }), uid: what, membership: membership('in') })
    publisher.heard({ state, effects: [{ do: 'announce', what, message: 'why' }] })
    expect(told()).toEqual([[type, reason, 'why']])
  })

  it.each<Announcement>(['unjudged', 'observed'])('%s: nothing', (what) => {
    publisher.heard({
      state: podState({ pod: pod() }),
      effects: [{ do: 'announce', what, message: 'why' }]
    })
    expect(told()).toEqual([])
  })

  it.each<[WarningKind, string]>([
    ['conflict', 'Conflict'],
    ['invalid-value', 'InvalidValue'],
    ['opt-out-not-allowed', 'OptOutNotAllowed'],
    ['not-supported', 'NotSupported']
  ])('a warning of the selection, %s, by its kind', (kind, reason) => {
    const warnings = [{ kind, key: 'k', value: 'v', message: 'what is written' }]
    const judged = {
      kind: 'judged',
      pod: pod({ name: kind, uid: kind }),
      membership: membership('out', { warnings })
    } as const
    publisher.heard(step(podState({ uid: kind }), judged, LENIENT))
    expect(told()).toEqual([['Warning', reason, `shop/${kind}: what is written`]])
  })

  it('a failure once for each reason, and again when it is another', () => {
    let state = podState({
      uid: 'fails',
      pod: pod({ uid: 'fails' }),
      membership: membership('in'),
      phase: 'held',
      verdict: 'held',
      cgroup: cgroup()
    })
    for (const error of ['nack', 'nack', 'hangs']) {
      const failed = step(state, { kind: 'enrol-failed', error, epoch: state.epoch }, LENIENT)
      publisher.heard(failed)
      state = failed.state
    }
    expect(told()).toEqual([
      ['Warning', 'EnrolmentFailed', 'nack'],
      ['Warning', 'EnrolmentFailed', 'hangs']
    ])
  })
})
