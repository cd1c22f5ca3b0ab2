// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { Problems } from '../../agent/problems.ts'
import { refuseRivals } from '../../agent/rivals.ts'
import { cgroup } from '../pods/pods.ts'

it('a second cgroup of a pod is held, and told until it is gone', () => {
  const problems = new Problems(pino({ enabled: false }))
  const written: unknown[] = []
  const entries = { write: (...entry: readonly unknown[]) => void written.push(entry) }
  const rival = { ...cgroup(102n), path: '/cg/kubepods/burstable/podu1' }
  refuseRivals({ kind: 'cgroup-rival', cgroup: rival, living: cgroup() }, entries, problems)
  expect(written).toEqual([[102n, undefined, 'held']])
  expect(problems.texts).toEqual([expect.stringContaining(rival.path)])
  refuseRivals({ kind: 'cgroup-gone', id: 102n }, entries, problems)
  expect(problems.texts).toEqual([])
})
