// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Locked {
  resolved?: string
  integrity?: string
  inBundle?: boolean
}

const root = join(import.meta.dirname, '../..')

describe.each(['package-lock.json', '.ci/node/package-lock.json'])('%s', (path) => {
  const lock = JSON.parse(readFileSync(join(root, path), 'utf8')) as { packages: Record<string, Locked> }
  const packages = Object.entries(lock.packages).filter(([name]) => name !== '')

  it('names no host to fetch from', () => {
    expect(packages.length).toBeGreaterThan(0)
    expect(packages.filter(([, locked]) => locked.resolved !== undefined)).toEqual([])
  })

  it('has a checksum for every package that is fetched', () => {
    expect(
      packages.filter(([, locked]) => locked.inBundle !== true && locked.integrity === undefined)
    ).toEqual([])
  })
})
