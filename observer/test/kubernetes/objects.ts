// SPDX-License-Identifier: Apache-2.0
// Objects as an API server holds them, and the file that says where it is.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Stored } from './answers.ts'
import type { Authority } from './authority.ts'

export const PODS = '/api/v1/pods'
export const NAMESPACES = '/api/v1/namespaces'

export function podObject(name: string, change: Partial<Stored['metadata']> = {}, spec: object = {}): Stored {
  const metadata = { name, namespace: 'shop', uid: `uid-${name}`, ...change }
  return {
    metadata,
    spec: {
      serviceAccountName: 'default',
      nodeName: 'n1',
      containers: [{ name: 'app', image: 'app:1' }],
      ...spec
    },
    status: { phase: 'Running', podIPs: [{ ip: '10.0.0.7' }, { ip: 'fd00::7' }] }
  }
}

export function namespaceObject(name: string, labels: Record<string, string> = {}): Stored {
  return { metadata: { name, uid: `uid-${name}`, labels } }
}

/** @param user as a kubeconfig file says it */
export function writeKubeconfig(
  directory: string,
  server: string,
  authority: Pick<Authority, 'path'>,
  user: Readonly<Record<string, unknown>> = { token: 'secret' }
): string {
  const path = join(directory, 'kubeconfig')
  const config = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'mesh' } }],
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': authority.path } }],
    users: [{ name: 'test', user }]
  }
  writeFileSync(path, stringify(config))
  return path
}
