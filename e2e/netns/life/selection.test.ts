// SPDX-License-Identifier: Apache-2.0
// Who is in the mesh, over real manifests: the table of the selection is tested row by row in observer/test.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Namespace } from '../../world/manifests.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const MODE = 'istio.io/dataplane-mode'
const PORT = 8080

type About = { annotations?: Record<string, string>; labels?: Record<string, string> }

describe('a pod', () => {
  const node = mesh({ outsiders: ['peer'], ztunnel: { standIn: true } })
  let peer: Outsider
  let count = 0

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
  })

  async function goesThroughZtunnel(pod: { connect: Outsider['connect'] }): Promise<boolean> {
    const before = node.ztunnel.opened().length
    expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    return node.ztunnel.opened().length > before
  }

  const rows: readonly { namespace: About; pod: About; in: boolean }[] = [
    { namespace: { annotations: { [JOIN]: 'true' } }, pod: {}, in: true },
    { namespace: { labels: { [MODE]: 'ambient' } }, pod: {}, in: true },
    { namespace: {}, pod: { annotations: { [JOIN]: 'true' } }, in: true },
    { namespace: {}, pod: { labels: { [MODE]: 'ambient' } }, in: true },
    { namespace: {}, pod: {}, in: false },
    { namespace: { annotations: { [JOIN]: 'true' } }, pod: { annotations: { [JOIN]: 'false' } }, in: false },
    { namespace: { labels: { [MODE]: 'ambient' } }, pod: { labels: { [MODE]: 'none' } }, in: false },
    { namespace: { labels: { [MODE]: 'ambient' }, annotations: { [JOIN]: 'false' } }, pod: {}, in: false },
    { namespace: {}, pod: { labels: { [MODE]: 'none' }, annotations: { [JOIN]: 'true' } }, in: true },
    {
      namespace: { labels: { [MODE]: 'ambient' } },
      pod: { annotations: { 'ambient.istio.io/redirection': 'disabled' } },
      in: false
    },
    {
      namespace: { labels: { [MODE]: 'ambient' } },
      pod: { annotations: { 'sidecar.istio.io/status': '{}' } },
      in: false
    }
  ]

  it.each(rows)('of namespace $namespace with $pod is in the mesh: $in', async (row) => {
    const name = `row-${count++}`
    await node.world.namespace(name, row.namespace)
    const pod = await node.world.pod({ name, namespace: name, ...row.pod })
    const { pods } = await node.agent.untilPod(pod, row.in ? 'enrolled' : 'outside')
    expect(pods.find(({ uid }) => uid === pod.uid)).toMatchObject({ outside: !row.in })
    expect(await goesThroughZtunnel(pod)).toBe(row.in)
  })

  it('follows its namespace in and out, unless it speaks for itself', async () => {
    const namespace: Namespace = await node.world.namespace('changing')
    const [plain, never] = await Promise.all([
      node.world.pod({ name: 'follows', namespace: 'changing' }),
      node.world.pod({ name: 'never', namespace: 'changing', annotations: { [JOIN]: 'false' } })
    ])
    for (const change of [
      () => node.world.manifests.label(namespace, MODE, 'ambient'),
      () => node.world.manifests.annotate(namespace, JOIN, 'true')
    ]) {
      await node.agent.untilPod(plain, 'outside')
      expect(await goesThroughZtunnel(plain)).toBe(false)
      await change()
      await node.agent.untilPod(plain, 'enrolled')
      expect(await goesThroughZtunnel(plain)).toBe(true)
      expect(await goesThroughZtunnel(never)).toBe(false)
      await node.world.manifests.label(namespace, MODE, null)
      await node.world.manifests.annotate(namespace, JOIN, null)
    }
    await node.agent.untilPod(plain, 'outside')
    expect(await goesThroughZtunnel(plain)).toBe(false)
    const { pods } = await node.report()
    expect(pods.find(({ name }) => name === 'never')?.reason).toBe(
      'pod annotation sluice.mesh/ambient: false'
    )
  })

  it('with a value that is none counts as silent, and is warned about once', async () => {
    const pod = await node.world.pod({ name: 'odd', annotations: { [JOIN]: 'yes' } })
    await node.agent.untilPod(pod, 'outside')
    const warned = () =>
      node.agent.log.filter(({ uid, event }) => uid === pod.uid && event === 'invalid-value')
    await node.agent.waitForLog(({ uid, event }) => uid === pod.uid && event === 'invalid-value')
    await pod.label('unrelated', 'x')
    await pod.annotate(JOIN, 'true')
    await node.agent.untilPod(pod, 'enrolled')
    expect(warned()).toHaveLength(1)
  })
})
