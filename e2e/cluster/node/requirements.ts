// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** .ci/packages-cluster: what must be there, and the package that brings it. */
const LIST = join(import.meta.dirname, '../../../.ci/packages-cluster')

function isThere(proof: string): boolean {
  if (proof.startsWith('/')) return existsSync(proof)
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, proof), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** @throws with everything that is missing, and the remedy. */
export function requirePrograms(): void {
  if (process.getuid?.() !== 0) throw new Error('a cluster needs root: run it as root, or with sudo')
  const lines = readFileSync(LIST, 'utf8').split('\n')
  const needed = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' '))
  const missing = needed
    .filter(([proof = '']) => !isThere(proof))
    .map((words) => words.join(' of the package '))
  if (missing.length > 0)
    throw new Error(`missing: ${missing.join(', ')}; run 'make setup-cluster', which installs them`)
}
