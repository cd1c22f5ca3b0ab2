// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { Observable } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ApiRequest } from '../../kubernetes/api.ts'
import { ApiFailure } from '../../kubernetes/failure.ts'
import { REDIRECTION_ANNOTATION } from '../../membership/wish.ts'
import type { Phase, PodState } from '../../pods/state.ts'
import { Pace } from '../../publish/pace.ts'
import { RedirectionWriter } from '../../publish/redirection-writer.ts'
import { cgroup, membership, pod, podState } from '../pods/pods.ts'

interface Patch {
  readonly path: string
  readonly version: string
  readonly value: string | null
  readonly succeed: (version: string) => void
  readonly refuse: (status: number) => void
}

let patches: Patch[] = []
let writer: RedirectionWriter

const api = {
  answer: ({ path, body }: ApiRequest) =>
    new Observable<unknown>((subscriber) => {
      const { metadata } = (body as { value: { metadata: { resourceVersion: string; annotations: object } } })
        .value
      patches.push({
        path,
        version: metadata.resourceVersion,
        value: Object.values(metadata.annotations)[0] as string | null,
        succeed: (resourceVersion) => {
          subscriber.next({ metadata: { resourceVersion } })
          subscriber.complete()
        },
        refuse: (status) => subscriber.error(new ApiFailure(status, 'refused'))
      })
    })
}

function writing(): void {
  const pace = new Pace({ atOnce: 8, burst: 100, perSecond: 50 })
  writer = new RedirectionWriter({
    api,
    mode: 'enforce',
    pace,
    random: () => 1,
    log: pino({ enabled: false })
  })
}

function state(phase: Phase, version: string, said?: string, change: Partial<PodState> = {}): PodState {
  const annotations = said === undefined ? {} : { [REDIRECTION_ANNOTATION]: said }
  const origin = '/api/v1/namespaces/shop/pods/cart'
  return podState({
    phase,
    pod: pod({ resourceVersion: version, annotations, origin }),
    cgroup: cgroup(),
    membership: membership(phase === 'outside' ? 'out' : 'in'),
    ...change
  })
}

const flush = () => vi.advanceTimersByTimeAsync(0)
const told = () => patches.map(({ version, value }) => `${version} ${value}`)

beforeEach(() => {
  vi.useFakeTimers()
  patches = []
  writing()
})

afterEach(() => {
  writer.close()
  vi.useRealTimers()
})

describe('the annotation of a pod', () => {
  it('is written through its status once it is verified, over the version that was seen', async () => {
    writer.heard(state('held', '1'))
    writer.heard(state('enrolled', '1'))
    expect(told()).toEqual([])
    writer.heard(state('verified', '1'))
    await flush()
    expect(patches).toMatchObject([
      { path: '/api/v1/namespaces/shop/pods/cart/status', version: '1', value: 'enabled' }
    ])
  })

  it('is not written again before the source has told what was written', async () => {
    writer.heard(state('verified', '1'))
    patches[0]?.succeed('2')
    await flush()
    writer.heard(state('verified', '1'))
    writer.heard(state('verified', '2', 'enabled'))
    await vi.advanceTimersByTimeAsync(120_000)
    expect(told()).toEqual(['1 enabled'])
  })

  it('is taken back over what was written, when the pod leaves before the source has told', async () => {
    writer.heard(state('verified', '1'))
    patches[0]?.succeed('2')
    await flush()
    writer.heard(state('leaving', '1'))
    await flush()
    expect(told()).toEqual(['1 enabled', '2 null'])
  })

  it('waits for the answer, and then the newest wish counts', async () => {
    writer.heard(state('verified', '1'))
    writer.heard(state('leaving', '1'))
    writer.heard(state('verified', '1'))
    expect(told()).toEqual(['1 enabled'])
    writer.heard(state('leaving', '1'))
    patches[0]?.succeed('2')
    await flush()
    expect(told()).toEqual(['1 enabled', '2 null'])
  })

  it("is not written over a user's word that came meanwhile", async () => {
    writer.heard(state('verified', '1'))
    patches[0]?.refuse(409)
    await flush()
    writer.heard(state('verified', '2', 'disabled'))
    await vi.advanceTimersByTimeAsync(120_000)
    expect(told()).toEqual(['1 enabled'])
  })

  it('is written over the new version when somebody else has written to the pod', async () => {
    writer.heard(state('verified', '1'))
    patches[0]?.refuse(409)
    await flush()
    writer.heard(state('verified', '2'))
    await flush()
    expect(told()).toEqual(['1 enabled', '2 enabled'])
  })

  it('is written at once when the new version came before the refusal', async () => {
    writer.heard(state('verified', '1'))
    writer.heard(state('verified', '2'))
    patches[0]?.refuse(409)
    await flush()
    expect(told()).toEqual(['1 enabled', '2 enabled'])
  })

  it.each([0, 429, 500, 403])('is tried again, less and less often, after %i', async (status) => {
    writer.heard(state('verified', '1'))
    const at: number[] = []
    for (let i = 0; i < 5; i++) {
      patches.at(-1)?.refuse(status)
      const count = patches.length
      const began = Date.now()
      while (patches.length === count) await vi.advanceTimersByTimeAsync(10)
      at.push(Date.now() - began)
    }
    expect(at).toEqual([200, 400, 800, 1_600, 3_200])
  })

  it.each([404, 410])('is given up after %i: the pod is gone', async (status) => {
    writer.heard(state('verified', '1'))
    patches[0]?.refuse(status)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(told()).toEqual(['1 enabled'])
  })

  it('is not written to a pod that is gone before its turn', async () => {
    writer.heard(state('verified', '1'))
    patches[0]?.refuse(500)
    await flush()
    writer.heard(state('verified', '1', undefined, { listed: false }))
    await vi.advanceTimersByTimeAsync(120_000)
    expect(told()).toEqual(['1 enabled'])
  })

  it('of a former agent is removed from a pod that is not captured, and nothing else is', async () => {
    writer.heard(state('outside', '1', 'enabled'))
    writer.heard(state('outside', '1', 'disabled', { uid: 'u2' }))
    writer.heard(state('outside', '1', undefined, { uid: 'u3' }))
    await flush()
    expect(told()).toEqual(['1 null'])
  })
})

describe('an agent that ends for good', () => {
  it('says when every pod says what it should', async () => {
    writer.heard(state('leaving', '5', 'enabled'))
    writer.heard(state('outside', '5', 'disabled', { uid: 'u2' }))
    let done = false
    void writer.settled().then(() => {
      done = true
    })
    await flush()
    expect(told()).toEqual(['5 null'])
    expect(done).toBe(false)
    patches[0]?.succeed('6')
    await flush()
    expect(done).toBe(true)
  })

  it('waits for nothing where nothing is to be written', async () => {
    writer.heard(state('outside', '5'))
    await writer.settled()
    expect(told()).toEqual([])
  })
})
