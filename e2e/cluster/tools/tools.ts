// SPDX-License-Identifier: Apache-2.0
// Kubernetes and Helm as programs: built once by `make setup-cluster`, in a directory whose name carries what they
// were built from.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const MODULE = import.meta.dirname
export const PROJECT = join(MODULE, '../../..')

const SOURCES = ['go.mod', 'go.sum', 'runc-without-limits/main.go']

export type Tool =
  | 'helm'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubectl'
  | 'kubelet'
  | 'runc-without-limits'

function digest(): string {
  const hash = createHash('sha256')
  for (const source of SOURCES) hash.update(readFileSync(join(MODULE, source)))
  return hash.digest('hex').slice(0, 16)
}

/** What is built once and stays. */
export const CACHE = join(PROJECT, '.tools/cluster')

/** Where the programs of this version of the module are. */
export const TOOLS = join(CACHE, digest())

/** Path of a built program. @throws when it has not been built. */
export function tool(name: Tool): string {
  const path = join(TOOLS, name)
  if (!existsSync(path)) throw new Error(`${name} has not been built: run 'make setup-cluster'`)
  return path
}
