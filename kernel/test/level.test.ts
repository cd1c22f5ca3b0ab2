// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs'
import { expect, it } from 'vitest'
import { mountedCgroup2 } from '../../observer/processes/roots.ts'
import { cgroupOf } from '../../observer/processes/scan.ts'
import { kernelObject } from './built.ts'
import { temporaryCgroup } from './cgroups.ts'

const NONE = 0

function levelOf(id: bigint): number {
  const ctx = new Uint8Array(new BigUint64Array([id]).buffer)
  return kernelObject('level').program('level_of').testRun({ ctx }).retval
}

it('counts the levels of this process as the kernel does', async () => {
  const cgroup2 = await mountedCgroup2()
  const own = (await cgroupOf(process.pid, cgroup2)) ?? ''
  const ancestors = own.split('/').filter((part) => part !== '')
  for (let level = 0; level <= ancestors.length; level++) {
    const path = [cgroup2.path, ...ancestors.slice(0, level)].join('/')
    expect(levelOf(statSync(path, { bigint: true }).ino)).toBe(level + 1)
  }
})

it('knows no level of a cgroup that this process is not in', async () => {
  expect(levelOf((await temporaryCgroup()).id)).toBe(NONE)
})
