// SPDX-License-Identifier: Apache-2.0
// Each right of the chart's roles is needed: an agent that has all others goes without what that one is for.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig, type V1ClusterRole, type V1Role } from '@kubernetes/client-node'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Credentials } from '../../observer/kubernetes/credentials.ts'
import { OwnDaemonSet } from '../../observer/kubernetes/own-daemon-set.ts'
import type { Pod } from '../../observer/pods/pod.ts'
import { Publisher } from '../../observer/publish/publisher.ts'
import { membership, podState } from '../../observer/test/pods/pods.ts'
import { Follower } from './follower.ts'
import { only, render } from './install/rendering.ts'
import { until } from './kube/until.ts'
import { REDIRECTION } from './mesh/names.ts'
import { openNobody } from './nobody.ts'
import { grant, type Right, rightsOf, told, Watched } from './rights.ts'

/** What each is denied without. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  pods: ['list pods', 'list namespaces'],
  'what changes in pods': ['list pods', 'watch pods', 'list namespaces'],
  'what changes in namespaces': ['list namespaces', 'watch namespaces'],
  annotation: ['patch pods/status'],
  Event: ['create events'],
  uninstall: ['get daemonsets']
}

const OUTCOMES = Object.keys(NEEDED)

const nobody = openNobody(1)

let directory: string
let pod: Pod
let rights: Right[]

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-rights-'))
  const objects = await render({ uninstall: { hook: false } })
  const roles = [only<V1ClusterRole>(objects, 'ClusterRole'), only<V1Role>(objects, 'Role')]
  rights = roles.flatMap(({ rules }) => rightsOf(rules ?? []))
  using follower = await nobody.follow()
  pod = follower.pods[0] as Pod
})

afterAll(() => rm(directory, { recursive: true }))

async function credentialsOf(account: string): Promise<Credentials> {
  const { api } = nobody.scene
  const path = `${nobody.namespace.path}/serviceaccounts`
  await api.ask('POST', path, { metadata: { name: account } })
  const { status } = await api.ask<{ status: { token: string } }>('POST', `${path}/${account}/token`, {
    spec: {}
  })
  const config = new KubeConfig()
  config.loadFromFile(api.kubeconfig)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error('a kubeconfig without a cluster')
  config.loadFromOptions({
    clusters: [cluster],
    users: [{ name: 'u', token: status.token }],
    contexts: [{ name: 'x', cluster: cluster.name, user: 'u' }],
    currentContext: 'x'
  })
  const file = join(directory, account)
  await writeFile(file, config.exportConfig())
  return await Credentials.open(file)
}

async function madeDaemonSet(name: { readonly namespace: string; readonly name: string }): Promise<string> {
  const collection = `/apis/apps/v1/namespaces/${name.namespace}/daemonsets`
  const labels = { app: 'none' }
  const containers = [{ name: 'none', image: 'none' }]
  const template = { metadata: { labels }, spec: { nodeSelector: { no: 'node' }, containers } }
  const path = `${collection}/${name.name}`
  if ((await nobody.scene.api.find(path)) === undefined)
    await nobody.scene.api.ask('POST', collection, {
      metadata: { name: name.name },
      spec: { selector: { matchLabels: labels }, template }
    })
  return path
}

/** What an agent with these credentials comes to do, each or its denial awaited. */
async function outcomes(credentials: Credentials, mark: string): Promise<string[]> {
  const { scene, namespace, nodeName, podPath } = nobody
  const api = new Watched(credentials)
  const came: string[] = []
  const see = async (what: string, happened: () => boolean | Promise<boolean>) => {
    const denied = () => NEEDED[what]?.some((right) => api.denied.has(right))
    const seen = async () => ((await happened()) ? 'happened' : denied() && 'denied')
    if ((await until(`${what}, or a denial`, seen)) === 'happened') came.push(what)
  }

  using follower = new Follower(api, nodeName)
  await see('pods', () => follower.events.some(({ kind }) => kind === 'synced'))
  const labels = { [mark]: 'yes' }
  await scene.api.ask('PATCH', podPath('pod-0'), { metadata: { labels } })
  await see('what changes in pods', () => follower.pods.some((each) => each.labels[mark] === 'yes'))
  await namespace.label(mark, 'yes')
  await see('what changes in namespaces', () =>
    follower.events.some((event) => event.kind === 'namespace' && event.namespace.labels[mark] === 'yes')
  )

  const log = pino({ enabled: false })
  const publisher = new Publisher({ api, mode: 'enforce', nodeName, log })
  const { metadata } = (await scene.api.find(podPath('pod-0'))) ?? {}
  const current: Pod = { ...pod, annotations: {}, resourceVersion: metadata?.resourceVersion }
  const state = podState({ phase: 'verified', pod: current, membership: membership('in') })
  publisher.heard({ state, effects: [{ do: 'announce', what: 'joined', message: mark }] })
  await see('annotation', async () => {
    const object = await scene.api.find(podPath('pod-0'))
    return object?.metadata?.annotations?.[REDIRECTION] === 'enabled'
  })
  await see('Event', async () => {
    const events = await scene.api.ask<{ items: { message: string }[] }>('GET', `${namespace.path}/events`)
    return events.items.some(({ message }) => message === mark)
  })
  publisher.close()

  const name = { namespace: namespace.name, name: 'sluice' }
  const own = new OwnDaemonSet({ api, name, log, pauseMs: 100 })
  const made = await madeDaemonSet(name)
  own.meet()
  await see('uninstall', async () => {
    if (!api.granted.has('get daemonsets')) return false
    await scene.api.ask('DELETE', `${made}?propagationPolicy=Background`)
    return await own.isUninstalled()
  })
  await scene.api.ask('PATCH', podPath('pod-0'), { metadata: { annotations: { [REDIRECTION]: null } } })
  return came
}

/** Everything that an agent with these rights comes to do. */
async function tried(account: string, granted: readonly Right[]): Promise<string[]> {
  const credentials = await credentialsOf(account)
  const takeBack = await grant(nobody.scene.api, { namespace: nobody.namespace.name, name: account }, granted)
  try {
    return await outcomes(credentials, account)
  } finally {
    credentials.close()
    await takeBack()
  }
}

describe('an agent', () => {
  it('does everything with the rights of the chart, and nothing else depends on others', async () => {
    expect(await tried('all', rights)).toEqual(OUTCOMES)
    expect(new Set(rights.map(told))).toEqual(new Set(Object.values(NEEDED).flat()))
  })

  it('goes without something for each right that is taken away', async () => {
    for (const [index, missing] of rights.entries()) {
      const others = rights.filter((right) => right !== missing)
      const lost = OUTCOMES.filter((what) => NEEDED[what]?.includes(told(missing)))
      expect(lost, told(missing)).not.toEqual([])
      const came = await tried(`without-${index}`, others)
      expect(came, `without ${told(missing)}`).toEqual(OUTCOMES.filter((what) => !lost.includes(what)))
    }
  })
})
