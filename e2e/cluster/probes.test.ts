// SPDX-License-Identifier: Apache-2.0
// The kubelet's probes of pods that refuse whoever comes without a certificate.

import type { V1Probe } from '@kubernetes/client-node'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TestNamespace } from './kube/namespace.ts'
import { isReady, type Pod } from './kube/pod.ts'
import { Carried } from './mesh/carried.ts'
import { MODE } from './mesh/names.ts'
import { STRICT_NAMESPACE } from './mesh/ztunnel.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

const OFTEN = { periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 5 }

/** The application is up while /tmp/up exists. */
const SERVING = [
  'mkdir -p /tmp/www && echo ok >/tmp/www/index.html && touch /tmp/up',
  'while :; do',
  '  [ -e /tmp/up ] && [ -z "$server" ] && { httpd -f -p 8080 -h /tmp/www & server=$!; }',
  '  [ -e /tmp/up ] || { [ -n "$server" ] && kill $server && server=; }',
  '  sleep 0.1',
  'done'
].join('\n')

const PROBES: readonly { readonly name: string; readonly probe: V1Probe }[] = [
  { name: 'http', probe: { httpGet: { path: '/', port: 8080 }, ...OFTEN } },
  { name: 'tcp', probe: { tcpSocket: { port: 8080 }, ...OFTEN } },
  {
    name: 'exec',
    probe: { exec: { command: ['wget', '-q', '-O', '-', 'http://127.0.0.1:8080/'] }, ...OFTEN }
  }
]

describe('probes under a strict policy', () => {
  let namespace: TestNamespace
  let outsider: Pod

  beforeAll(async () => {
    await scene.sluice.install()
    const outside = await scene.namespace('probes-outside')
    namespace = await scene.namespace(STRICT_NAMESPACE, { labels: { [MODE]: 'ambient' } })
    outsider = await outside.run('outsider')
  })

  it.each(PROBES)('$name: passes, and fails while the application is down', async ({ name, probe }) => {
    const pod = await namespace.run(name, { command: ['sh', '-c', SERVING], readiness: probe })
    await carried.joined(pod)
    await pod.exec(['rm', '/tmp/up'])
    await pod.until('not ready while its application is down', (object) => !isReady(object))
    await pod.exec(['touch', '/tmp/up'])
    await pod.untilReady()
  })

  it('refuses a pod outside the mesh, so the policy is in force', async ({ skip }) => {
    if (scene.state === null) return skip("the policy comes from the test's own control plane")
    const [address = ''] = await namespace.pod('http').addresses()
    const { ok, data } = await outsider.connect(address, 8080, '--send', 'GET / HTTP/1.0\r\n\r\n')
    expect({ ok, data }).not.toMatchObject({ ok: true, data: expect.stringContaining('HTTP') as string })
  })
})
