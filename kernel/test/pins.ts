// SPDX-License-Identifier: Apache-2.0
// A directory in bpffs of a test's own, removed with what is pinned in it when the test ends.

import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function temporaryPins(): string {
  const path = join('/sys/fs/bpf', `sluice-kernel-${process.pid}-${randomBytes(3).toString('hex')}`)
  mkdirSync(path)
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}
