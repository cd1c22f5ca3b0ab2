// SPDX-License-Identifier: Apache-2.0
// The cluster itself, before Sluice: what the other files rely on.

import { readFileSync } from 'node:fs'
import type { V1Node, V1NodeList } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { until } from './kube/until.ts'
import { openScene } from './scene.ts'

const scene = openScene()

function ready({ status }: V1Node): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

describe('the node', () => {
  it('is ready', async () => {
    const { items } = await until(
      'a node is ready',
      () => scene.api.ask<V1NodeList>('GET', '/api/v1/nodes'),
      ({ items }) => items.some(ready)
    )
    expect(items.length).toBeGreaterThan(0)
  })

  it('runs the kubelet in a cgroup of its own', ({ skip }) => {
    if (scene.state === null) return skip('the cluster is not on this machine')
    const { cgroup } = scene.state
    const processes = readFileSync(`${cgroup}/kubelet/cgroup.procs`, 'utf8').split('\n').filter(Boolean)
    const names = processes.map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    expect(names).toEqual(['kubelet'])
  })
})

describe('pods', () => {
  it('run, reach each other in every family, and pass http, tcp and exec probes', async () => {
    const namespace = await scene.namespace('smoke')
    const tcp = { tcpSocket: { port: 8080 }, periodSeconds: 1 }
    const server = await namespace.create('server', { readiness: tcp })
    const web = await namespace.create('web', {
      command: ['sh', '-c', 'mkdir -p /www && echo ok >/www/index.html && exec httpd -f -p 8080 -h /www'],
      readiness: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
    })
    const client = await namespace.create('client', {
      readiness: { exec: { command: ['true'] }, periodSeconds: 1 }
    })
    for (const pod of [server, web, client]) await pod.untilReady()
    const addresses = await server.addresses()
    expect(addresses).toHaveLength(scene.state?.network.pods.length ?? addresses.length)
    for (const address of addresses) {
      const connected = await client.connect(address, 8080)
      expect(connected).toMatchObject({ ok: true })
      expect(connected.data).toMatch(/^hello peer=.* pod=server$/)
    }
  })
})
