// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { mode_writer, nested_netns } from '#contract'
import { addressOf } from '../../maps/address.ts'
import { NodeEntries } from '../../maps/node-entries.ts'
import { memoryMap } from './memory-map.ts'

const WISHES = {
  mode: 'enforce',
  strict: true,
  nestedNetns: 'refuse',
  kubelet: { exempt: true, cgroup: undefined, addresses: ['10.0.0.1'] }
} as const

function written() {
  const path = mkdtempSync(join(tmpdir(), 'sluice-node-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  const maps = {
    settings: memoryMap('settings'),
    mode: memoryMap('mode'),
    cgroup_root: memoryMap('cgroup_root'),
    node_addr: memoryMap('node_addr')
  }
  const root = { id: statSync(path, { bigint: true }).ino, path, level: 1, qos: 'guaranteed' } as const
  const entries = new NodeEntries(maps, WISHES)
  entries.write([root])
  entries.writeRoot(root)
  return { maps, entries, root }
}

it('what was written is right', () => {
  expect(written().entries.mend()).toEqual([])
})

it.each<[string, (made: ReturnType<typeof written>) => unknown]>([
  ['settings', ({ maps }) => maps.settings.set(0, { ...settings, nested: nested_netns.NESTED_PASS })],
  ['mode', ({ maps }) => maps.mode.set(mode_writer.MODE_OF_AGENT, 2)],
  ['addresses of probes', ({ maps }) => maps.node_addr.set(addressOf('10.0.0.2'), 1)],
  ['addresses of probes', ({ maps }) => maps.node_addr.delete(addressOf('10.0.0.1'))],
  ['kubepods root', ({ maps, root }) => maps.cgroup_root.delete(root.id)]
])('%s are put back', (what, spoil) => {
  const made = written()
  const before = Object.values(made.maps).map((map) => map.entries())
  spoil(made)
  expect(made.entries.mend()).toEqual([expect.stringContaining(what)])
  expect(Object.values(made.maps).map((map) => map.entries())).toEqual(before)
  expect(made.entries.mend()).toEqual([])
})

it('a root that is gone is not put back', () => {
  const { entries, maps, root } = written()
  rmSync(root.path, { recursive: true })
  maps.cgroup_root.delete(root.id)
  expect(entries.mend()).toEqual([])
  mkdirSync(root.path)
})

const settings = { strict: 1, nested: nested_netns.NESTED_REFUSE, pod_level_min: 2, pod_level_max: 2 }
