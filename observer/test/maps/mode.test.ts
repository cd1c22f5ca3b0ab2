// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { mode, mode_writer } from '#contract'
import { declaredMode, declareMode, isPaused, setPaused } from '../../maps/mode.ts'

const mapOf = () =>
  new Map<number, number>(Array.from({ length: mode_writer.MODE_WRITERS }, (_, key) => [key, 0]))

describe('the map of modes', () => {
  it('is not paused and enforces when nobody has written it', () => {
    expect(declaredMode(mapOf())).toBe('enforce')
    expect(isPaused(mapOf())).toBe(false)
  })

  it('keeps a pause when an agent declares its mode, and the mode when the pause ends', () => {
    const map = mapOf()
    setPaused(map, true)
    declareMode(map, 'observe')
    expect(isPaused(map)).toBe(true)
    setPaused(map, false)
    expect([isPaused(map), declaredMode(map)]).toEqual([false, 'observe'])
    declareMode(map, 'enforce')
    expect([...map.values()]).toEqual([mode.MODE_ENFORCE, mode.MODE_ENFORCE])
  })
})
