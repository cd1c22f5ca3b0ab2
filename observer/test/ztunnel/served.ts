// SPDX-License-Identifier: Apache-2.0
// A ZDS server on a listener of the test's own, with the clock in its hands.

import { pino } from 'pino'
import { afterEach, beforeEach, vi } from 'vitest'
import type { Authorization, Authorize } from '../../ztunnel/identity.ts'
import { createZdsServer, type ZdsServer } from '../../ztunnel/server.ts'
import type { ZtunnelInfo } from '../../ztunnel/workload.ts'
import { HELLO, ListenerStandIn, type ZtunnelStandIn } from './stand-in.ts'

export const CGROUP = { id: 7n, path: '/sys/fs/cgroup/kubepods/pod1', level: 2 }
export const ALLOWED: Authorization = { allowed: true, cgroup: CGROUP, key: '1' }

/** Of the test that runs. */
export let listener: ListenerStandIn
export let server: ZdsServer
/** What the server has logged. */
export let lines: string[]
export let ztunnels: readonly ZtunnelInfo[]
/** The netns behind each descriptor; 3 is always open. */
export let openFds: Map<number, string>
let authorize: Authorize

/** Each test of the file gets a server of its own, which admits everybody. */
export function useServer(): void {
  beforeEach(() => {
    vi.useFakeTimers()
    listener = new ListenerStandIn()
    lines = []
    openFds = new Map()
    authorize = () => Promise.resolve(ALLOWED)
    server = createZdsServer({
      path: '/x.sock',
      listen: listener.listen,
      authorize: (peer) => authorize(peer),
      log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
      netnsOf: (fd) => {
        const netns = openFds.get(fd) ?? (fd === 3 ? 'netns-3' : undefined)
        if (netns === undefined) throw new Error('EBADF: bad file descriptor, fstat')
        return netns
      }
    })
    server.ztunnels$.subscribe((list) => {
      ztunnels = list
    })
  })
  afterEach(() => {
    server.close()
    vi.useRealTimers()
  })
}

/** From now on peers are judged so. */
export function judge(by: Authorize): void {
  authorize = by
}

export const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

export async function connect(pid = 1): Promise<ZtunnelStandIn> {
  const ztunnel = listener.connect(pid)
  ztunnel.say(HELLO)
  await pass()
  return ztunnel
}

/** The state of a promise, without waiting for it. */
export function watch(promise: Promise<void>): { state: string } {
  const seen = { state: 'waits' }
  const settle = (state: string) => {
    seen.state = state
  }
  promise.then(
    () => settle('acked'),
    (error: unknown) => settle((error as { code: string }).code)
  )
  return seen
}
