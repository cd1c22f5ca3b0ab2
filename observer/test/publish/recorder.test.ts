// SPDX-License-Identifier: Apache-2.0
import type { CoreV1Event } from '@kubernetes/client-node'
import { pino } from 'pino'
import { type Observable, of, throwError } from 'rxjs'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ApiRequest } from '../../kubernetes/api.ts'
import { ApiFailure } from '../../kubernetes/failure.ts'
import { EVENT_KINDS, type EventKind } from '../../publish/event.ts'
import { EventRecorder } from '../../publish/recorder.ts'
import { pod } from '../pods/pods.ts'

const JOINED = EVENT_KINDS.joined as EventKind
const LEFT = EVENT_KINDS.left as EventKind

let requests: ApiRequest[] = []
let now = 0
let waiting = 0
let reply: () => Observable<unknown> = () => of({})

function recorder(): EventRecorder {
  return new EventRecorder({
    api: {
      answer: (request) => {
        requests.push(request)
        return reply()
      }
    },
    nodeName: 'n1',
    pace: {
      get waiting() {
        return waiting
      },
      run: (work) => void work()
    },
    now: () => now,
    log: pino({ enabled: false })
  })
}

const events = () => requests.map(({ body }) => body?.value as CoreV1Event)

beforeEach(() => {
  requests = []
  now = Date.parse('2026-11-22T10:00:00Z')
  waiting = 0
  reply = () => of({})
})

describe('an Event', () => {
  it('is about the pod, by this node', () => {
    recorder().tell(pod(), JOINED, 'traffic is carried by ztunnel')
    expect(requests).toMatchObject([{ method: 'POST', path: '/api/v1/namespaces/shop/events' }])
    expect(JSON.parse(JSON.stringify(events()[0]))).toEqual({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^cart\.[0-9a-f]{16}$/), namespace: 'shop' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'cart', uid: 'u1' },
      type: 'Normal',
      reason: 'Joined',
      message: 'traffic is carried by ztunnel',
      count: 1,
      firstTimestamp: '2026-11-22T10:00:00.000Z',
      lastTimestamp: '2026-11-22T10:00:00.000Z',
      source: { component: 'sluice', host: 'n1' },
      reportingComponent: 'sluice',
      reportingInstance: 'n1'
    })
  })

  it('fits into what the API server takes', () => {
    recorder().tell(pod({ name: 'x'.repeat(253) }), JOINED, 'y'.repeat(5_000))
    const [event] = events()
    expect(event?.metadata.name).toHaveLength(253)
    expect(event?.message).toHaveLength(1_024)
  })

  it('says nothing that the last one of the pod said', () => {
    const told = recorder()
    told.tell(pod(), JOINED, 'a')
    told.tell(pod(), JOINED, 'a')
    told.tell(pod({ uid: 'u2' }), JOINED, 'a')
    told.tell(pod(), LEFT, 'a')
    told.tell(pod(), JOINED, 'a')
    expect(events().map(({ reason, involvedObject }) => `${involvedObject.uid} ${reason}`)).toEqual([
      'u1 Joined',
      'u2 Joined',
      'u1 Left',
      'u1 Joined'
    ])
  })

  it('is one of ten for a pod that changes all the time, and of one a minute after that', () => {
    const told = recorder()
    const change = (times: number) => {
      for (let i = 0; i < times; i++) told.tell(pod(), i % 2 === 0 ? JOINED : LEFT, String(now))
    }
    change(50)
    expect(requests).toHaveLength(10)
    for (let i = 0; i < 4; i++) {
      now += 30_000
      change(50)
    }
    expect(requests).toHaveLength(12)
  })

  it('is left out when too many wait', () => {
    waiting = 500
    recorder().tell(pod(), JOINED, 'a')
    expect(requests).toEqual([])
  })

  it('that is refused fails nothing, and is not sent again', async () => {
    reply = () => throwError(() => new ApiFailure(403, 'forbidden'))
    recorder().tell(pod(), JOINED, 'a')
    await Promise.resolve()
    expect(requests).toHaveLength(1)
  })
})
