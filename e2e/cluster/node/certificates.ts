// SPDX-License-Identifier: Apache-2.0
// A certificate authority of the run, and what it signs.

import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../../world/running.ts'
import type { Network } from './network.ts'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const DAYS = '7'

export interface Subject {
  /** The file's name: <name>.crt and <name>.key. */
  readonly name: string
  readonly user: string
  readonly group?: string
  /** A server: the names and addresses by which it is dialled. */
  readonly addresses?: readonly string[]
}

export function subjects(node: string, network: Network): Subject[] {
  const local = [...network.node, network.api]
  return [
    { name: 'etcd', user: 'etcd', addresses: local },
    {
      name: 'apiserver',
      user: 'kube-apiserver',
      group: 'system:masters',
      addresses: ['kubernetes', ...local]
    },
    { name: 'kubelet', user: `system:node:${node}`, group: 'system:nodes', addresses: [node, ...local] },
    { name: 'kube-controller-manager', user: 'system:kube-controller-manager' },
    { name: 'kube-scheduler', user: 'system:kube-scheduler' },
    { name: 'admin', user: 'admin', group: 'system:masters' }
  ]
}

function alternatives(addresses: readonly string[]): string {
  const named = addresses.map((address) => (/^[\d.]+$|:/.test(address) ? `IP:${address}` : `DNS:${address}`))
  return `subjectAltName=${named.join(',')}`
}

async function authority(directory: string): Promise<void> {
  await must([
    'openssl',
    'req',
    '-x509',
    ...KEY,
    '-days',
    DAYS,
    '-subj',
    '/CN=sluice cluster',
    '-keyout',
    join(directory, 'ca.key'),
    '-out',
    join(directory, 'ca.crt')
  ])
}

async function sign(directory: string, { name, user, group, addresses }: Subject): Promise<void> {
  const extensions = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth']
  if (addresses !== undefined) extensions.push(alternatives(addresses))
  await must([
    'openssl',
    'req',
    '-x509',
    ...KEY,
    '-days',
    DAYS,
    '-CA',
    join(directory, 'ca.crt'),
    '-CAkey',
    join(directory, 'ca.key'),
    '-subj',
    `${group === undefined ? '' : `/O=${group}`}/CN=${user}`,
    ...extensions.flatMap((extension) => ['-addext', extension]),
    '-keyout',
    join(directory, `${name}.key`),
    '-out',
    join(directory, `${name}.crt`)
  ])
}

/** Signs the tokens of service accounts. */
async function tokenKeys(directory: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(join(directory, 'tokens.key'), privateKey.export({ type: 'sec1', format: 'pem' }), {
    mode: 0o600
  })
  await writeFile(join(directory, 'tokens.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
}

export async function makeCertificates(directory: string, wanted: readonly Subject[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await authority(directory)
  await Promise.all([tokenKeys(directory), ...wanted.map((subject) => sign(directory, subject))])
}
