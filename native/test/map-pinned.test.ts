// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BpfMap } from '../lib/map.ts'
import { BpfObject } from '../lib/object.ts'
import { closing, failure, programPath, temporaryPins } from './fixture.ts'
import { entry, type Point, point } from './map-values.ts'

function load(): BpfObject {
  return closing(BpfObject.load(programPath('maps')))
}

describe('pinned maps', () => {
  it('are opened by path with the layouts of the kernel', () => {
    const path = join(temporaryPins(), 'hash')
    const map = load().map<Point, unknown>('hash')
    map.set(point(1), entry(1))
    map.pin(path)
    map.close()
    const opened = closing(BpfMap.openPinned<Point, unknown>(path))
    expect(opened.info).toMatchObject({
      name: 'hash',
      type: 'hash',
      keySize: 24,
      valueSize: 96,
      maxEntries: 20_000
    })
    expect(opened.entries()).toEqual([[point(1), entry(1)]])
  })

  it('take types for a map whose types the kernel does not keep', () => {
    const path = join(temporaryPins(), 'sockets')
    const object = load()
    object.map('sockets').pin(path)
    expect(closing(BpfMap.openPinned(path)).keyLayout.type.kind).toBe('array')
    const { type } = object.map('sockets').keyLayout
    expect(closing(BpfMap.openPinned(path, { keyType: type })).keyLayout.name).toBe('point')
  })

  it.each(['/sys/fs/bpf/none-such', '/etc/passwd'])('cannot be opened at %s', (path) => {
    expect(failure(() => BpfMap.openPinned(path), 'EBPF_MAP').message).toContain(path)
  })

  it('need an empty place in a bpffs', () => {
    failure(() => load().map('small').pin('/tmp/sluice-native-no-bpffs'), 'EBPF_MAP')
  })
})
