// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { expect, it, vi } from 'vitest'
import { Problems } from '../../agent/problems.ts'
import { refuseRivals } from '../../agent/rivals.ts'
import { PodEntries } from '../../maps/pod-entries.ts'
import { memoryMap, podMaps } from '../maps/memory-map.ts'
import { cgroup } from '../pods/pods.ts'

const log = pino({ enabled: false })
const rival = { ...cgroup(102n), path: '/cg/kubepods/burstable/podu1' }
const met = { kind: 'cgroup-rival', cgroup: rival, living: cgroup() } as const

it('a second cgroup of a pod is held, and told until it is gone', () => {
  const problems = new Problems(log)
  const written: unknown[] = []
  const entries = { write: (...entry: readonly unknown[]) => void written.push(entry) }
  refuseRivals(met, entries, problems, log)
  expect(written).toEqual([[102n, undefined, 'held']])
  expect(problems.texts).toEqual([expect.stringContaining(rival.path)])
  refuseRivals({ kind: 'cgroup-gone', id: 102n }, entries, problems, log)
  expect(problems.texts).toEqual([])
})

it('a second cgroup that finds the map of pods full is told, and does not end the agent', () => {
  const problems = new Problems(log)
  const entries = new PodEntries({ ...podMaps(), cgroup_pod: memoryMap('cgroup_pod', 1) })
  entries.write(1n, undefined, 'held')
  const error = vi.fn()
  refuseRivals(met, entries, problems, { error })
  expect(error).toHaveBeenCalledExactlyOnceWith(
    { path: rival.path, err: expect.any(String) },
    'second cgroup of a pod has no entry'
  )
  expect(problems.texts).toEqual([expect.stringContaining(rival.path)])
})

it('another failure to write ends it', () => {
  const entries = {
    write: () => {
      throw new Error('map is closed')
    }
  }
  expect(() => refuseRivals(met, entries, new Problems(log), log)).toThrow('map is closed')
})
