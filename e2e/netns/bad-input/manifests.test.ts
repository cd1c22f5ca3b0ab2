// SPDX-License-Identifier: Apache-2.0
// What a source may say wrongly: told with cause and remedy, and no other pod notices.

import { rename } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const PORT = 8080

describe('a manifest that is wrong', () => {
  const node = mesh({ enrolled: ['good'], outsiders: ['peer'], ztunnel: { standIn: true } })
  let peer: Outsider

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
  })

  const problem = (pattern: RegExp) =>
    node.agent.until(({ agent }) => agent.problems?.some((text) => pattern.test(text)) === true)

  const mended = () => node.agent.until(({ agent }) => agent.problems?.length === 0)

  async function othersJoin(name: string): Promise<void> {
    const other = await node.world.pod({ name, annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(other, 'enrolled')
    const opened = node.ztunnel.opened().length
    for (const pod of [node.pod('good'), other]) {
      expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    }
    expect(node.ztunnel.opened()).toHaveLength(opened + 2)
    await other.remove()
  }

  it.each([
    {
      what: 'is no YAML',
      text: 'kind: Pod\n  bad: [\n',
      says: /broken\.yaml.*line \d+, column \d+ is not YAML/
    },
    {
      what: 'lacks its uid',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: default}\nspec: {containers: []}\n',
      says: /broken\.yaml.*no metadata\.uid/
    },
    { what: 'has no kind', text: 'apiVersion: v1\nmetadata: {name: x}\n', says: /broken\.yaml.*kind/ },
    {
      what: 'has a field of another type',
      text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: default, uid: u, labels: 7}\n',
      says: /broken\.yaml.*metadata\.labels/
    }
  ])('because it $what is told with its file, until it is mended', async ({ text, says }) => {
    await node.world.manifests.writeText('broken', text)
    await problem(says)
    await othersJoin('beside')
    await node.world.manifests.remove({ file: 'broken' })
    await mended()
  })

  it('about an enrolled pod leaves in force what it said before', async () => {
    const good = node.pod('good')
    await node.world.manifests.writeText(good.file, good.text().slice(0, 60))
    await problem(/pod-default-good\.yaml/)
    await othersJoin('meanwhile')
    await good.writeManifest()
    await mended()
  })

  it('because two files name the same pod counts as the first says', async () => {
    const good = node.pod('good')
    const twin = good.text().replace(`"true"`, '"false"')
    await node.world.manifests.writeText('zz-twin', twin)
    await problem(/zz-twin\.yaml.*pod default\/good is defined in .*pod-default-good\.yaml already/)
    await othersJoin('third')
    await node.world.manifests.remove({ file: 'zz-twin' })
    await mended()
  })

  it('because its directory went away forgets no pod', async () => {
    const { directory } = node.world.manifests
    await rename(directory, `${directory}.away`)
    const opened = node.ztunnel.opened().length
    expect(await node.pod('good').connect(peer.ipv6, PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened()).toHaveLength(opened + 1)
    await rename(`${directory}.away`, directory)
    await othersJoin('after')
  })
})

describe('a pod', () => {
  const node = mesh({ outsiders: ['peer'], ztunnel: { standIn: true } })

  it('without an address is held and tried again, and enrolled when it has one', async () => {
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    const bare = await node.world.pod({
      name: 'bare',
      ipv4: false,
      ipv6: false,
      annotations: { [JOIN]: 'true' }
    })
    const { pods } = await node.agent.until((report) =>
      report.pods.some(({ uid, lastError }) => uid === bare.uid && lastError !== undefined)
    )
    expect(pods[0]).toMatchObject({ state: expect.stringMatching(/^(failed|held)$/), ips: [] })
    expect(pods[0]?.lastError).toMatch(/pod has no address yet/)
    const { ipv4 } = node.world.bridge.allocate()
    await bare.ip('addr', 'add', `${ipv4}/20`, 'dev', 'eth0')
    const { pods: after } = await node.agent.untilPod(bare, 'enrolled')
    expect(after[0]).toMatchObject({ ips: [ipv4] })
    expect(await bare.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened()).toHaveLength(1)
  })

  it('whose network namespace goes away half-way costs the others nothing', async () => {
    node.ztunnel.pause()
    const brief = await node.world.pod({ name: 'brief', annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(brief, 'held')
    await brief.remove()
    const next = await node.world.pod({ name: 'next', annotations: { [JOIN]: 'true' } })
    node.ztunnel.resume()
    await node.agent.untilPod(next, 'enrolled')
    await node.agent.until(({ pods }) => pods.every(({ uid }) => uid !== brief.uid))
    const peer = node.outsider('peer')
    expect(await next.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect((await node.report()).agent.problems).toEqual([])
  })
})
