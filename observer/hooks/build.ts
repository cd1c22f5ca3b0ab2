// SPDX-License-Identifier: Apache-2.0

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { objects as described } from '#contract'

const DIGITS = 12

/**
 * Which build of the kernel programs this is: two that differ in an instruction differ here.
 * @param directory of the built objects
 */
export function buildOf(directory: string): string {
  const hash = createHash('sha256')
  for (const { file } of Object.values(described)) hash.update(readFileSync(join(directory, file)))
  return hash.digest('hex').slice(0, DIGITS)
}
