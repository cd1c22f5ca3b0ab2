// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sweepCgroups } from '../../agent/sweep-dead.ts'
import { inodeOf } from '../../hooks/attachment.ts'
import { cgroup, podState } from '../pods/pods.ts'

function living(states: readonly ReturnType<typeof podState>[], configured?: string, mount = '/nowhere') {
  const told: ReadonlySet<bigint>[] = []
  const parts = {
    config: { ztunnel: { cgroup: configured } },
    node: { cgroup2: { path: mount } },
    kernel: { sweep: (_: unknown, cgroups: ReadonlySet<bigint>) => void told.push(cgroups) }
  }
  sweepCgroups(states, parts as unknown as Parameters<typeof sweepCgroups>[1])
  return [...(told[0] ?? [])]
}

describe('cgroups that are there', () => {
  it('are those of pods', () => {
    expect(living([podState({ cgroup: cgroup() }), podState()])).toEqual([cgroup().id])
  })

  it('are the configured one of ztunnel too, by either path, while it is there', () => {
    const path = mkdtempSync(join(tmpdir(), 'sluice-cgroup-'))
    const [mount, below] = [dirname(path), `/${basename(path)}`]
    const id = inodeOf(path)
    try {
      expect([living([], path, mount), living([], below, mount)]).toEqual([[id], [id]])
    } finally {
      rmdirSync(path)
    }
    expect(living([], below, mount)).toEqual([])
  })
})
