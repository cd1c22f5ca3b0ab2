// SPDX-License-Identifier: Apache-2.0
// A token and a certificate authority that rotate under an agent that follows a real API server.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpsApi } from '../../observer/kubernetes/api.ts'
import { Credentials } from '../../observer/kubernetes/credentials.ts'
import { must } from '../world/running.ts'
import { Follower } from './follower.ts'
import { openNobody } from './nobody.ts'

const ACCOUNT = 'follower'
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'

const nobody = openNobody(1)

let directory: string
let binding: string
const file = (name: string) => join(directory, name)

beforeAll(async () => {
  const { api } = nobody.scene
  directory = await mkdtemp(join(tmpdir(), 'sluice-credentials-'))
  const namespace = nobody.namespace.name
  await api.ask('POST', `${nobody.namespace.path}/serviceaccounts`, { metadata: { name: ACCOUNT } })
  binding = namespace
  await api.ask('POST', BINDINGS, {
    metadata: { name: binding },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }]
  })
  await writeFile(file('authority'), await authority())
  await writeToken('first')
  await writeFile(file('config'), JSON.stringify(kubeconfig()))
})

afterAll(async () => {
  await nobody.scene.api.ask('DELETE', `${BINDINGS}/${binding}`)
  await rm(directory, { recursive: true })
})

async function authority(): Promise<string> {
  const config = new KubeConfig()
  config.loadFromFile(nobody.scene.api.kubeconfig)
  const { caData, caFile = '' } = config.getCurrentCluster() ?? {}
  return caData === undefined ? await readFile(caFile, 'utf8') : Buffer.from(caData, 'base64').toString()
}

/** A token that is worth something as long as a Secret of this name is there. */
async function writeToken(secret: string): Promise<void> {
  const { api } = nobody.scene
  const { path } = nobody.namespace
  await api.ask('POST', `${path}/secrets`, { metadata: { name: secret } })
  const { status } = await api.ask<{ status: { token: string } }>(
    'POST',
    `${path}/serviceaccounts/${ACCOUNT}/token`,
    { spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: secret } } }
  )
  await writeFile(file('token'), status.token)
}

function kubeconfig(): object {
  const cluster = { server: nobody.scene.api.server, 'certificate-authority': file('authority') }
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { 'token-file': file('token') } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x'
  }
}

/** The source, whose watches are renewed every second, while something of its credentials changes. */
async function following(rotate: (follower: Follower) => Promise<void>, label: string): Promise<void> {
  const credentials = await Credentials.open(file('config'))
  using follower = new Follower(new HttpsApi(credentials), nobody.nodeName, 1)
  await follower.synced()
  await rotate(follower)
  await nobody.scene.api.ask('PATCH', nobody.podPath('pod-0'), { metadata: { labels: { [label]: 'yes' } } })
  await follower.heard('the label', (event) => event.kind === 'pod' && event.pod.labels[label] === 'yes')
  const last = follower.events.findLast(({ kind }) => kind === 'problem' || kind === 'mended')
  expect(last?.kind).toBe('mended')
  credentials.close()
}

describe('what the agent shows the API server', () => {
  it('may be a token that is worth nothing any more, until there is another', async () => {
    await following(async (follower) => {
      await nobody.scene.api.ask('DELETE', `${nobody.namespace.path}/secrets/first`)
      const problem = await follower.heard('the token is refused', ({ kind }) => kind === 'problem')
      expect(problem).toMatchObject({ error: { code: 'SLUICE_ERR_KUBERNETES_DENIED' } })
      await writeToken('second')
    }, 'token')
  })
})

describe('what the API server shows the agent', () => {
  it('may be signed by an authority that the agent does not trust yet', async () => {
    const trusted = await readFile(file('authority'))
    await following(async (follower) => {
      const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
      const output = ['-subj', '/CN=other', '-keyout', file('key'), '-out', file('authority')]
      await must(['openssl', ...request, ...output])
      await follower.heard('the server is not trusted', ({ kind }) => kind === 'problem')
      await writeFile(file('authority'), trusted)
    }, 'authority')
  })
})
