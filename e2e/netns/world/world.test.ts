// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { host } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { Running } from '../../world/running.ts'
import { createWorld, type World } from '../../world/world.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const

function traces(prefix: string, cgroup: string): string[] {
  const links = spawnSync('ip', ['-br', 'link'], { encoding: 'utf8' }).stdout.split('\n')
  const namespaces = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.split('\n')
  const left = [...links, ...namespaces].filter((line) => line.startsWith(prefix))
  return [...left, ...[cgroup, `/run/sluice-${prefix}`].filter((path) => existsSync(path))]
}

describe('a world', () => {
  let world: World
  let client: Pod
  let server: Pod
  beforeAll(async () => {
    world = await createWorld()
    client = await world.pod('client')
    server = await world.pod({ name: 'server', layout: { driver: 'systemd', depth: 2 }, qos: 'guaranteed' })
  })
  afterAll(() => world.cleanup())

  it.each(FAMILIES)('lets pods reach each other by their own addresses: %s', async (family) => {
    const served = await server.serve(8080)
    const connected = await client.connect(server.address(family), 8080)
    expect(connected).toMatchObject({ ok: true, ended: 'line' })
    expect(host(connected.local ?? '')).toBe(client.address(family))
    expect(connected.data).toMatch(/^hello peer=.* pod=server$/)
    expect(served.peers).toEqual([client.address(family)])
    await served.stop()
  })

  it('says so when nobody listens', async () => {
    expect(await client.connect(server.ipv4, 81)).toMatchObject({
      ok: false,
      errno: 'ECONNREFUSED',
      stage: 'connect'
    })
    expect(await client.connectMany(server.ipv6, 81, 3)).toMatchObject({
      connected: 0,
      errors: { ECONNREFUSED: 3 }
    })
  })

  it('runs a process in its container’s cgroup and its network namespace', async () => {
    const { stdout } = await client.exec(['cat', '/proc/self/cgroup'])
    expect(stdout).toContain(`0::/${client.cgroup.slice(client.cgroup.indexOf(world.prefix))}\n`)
    expect(client.cgroup.startsWith(`${client.podCgroup}/`)).toBe(true)
    expect(server.podCgroup).toMatch(/nested0\/nested1\/kubepods\.slice\/kubepods-pod[0-9a-f_]+\.slice$/)
    expect(await client.cookie()).not.toBe(await server.cookie())
  })

  it('writes manifests that appear whole and follow annotations', async () => {
    await client.annotate('sluice.mesh/ambient', 'true')
    const read = () => parse(readFileSync(world.manifests.path(client.file), 'utf8'))
    expect(read()).toMatchObject({
      kind: 'Pod',
      metadata: { uid: client.uid, annotations: { 'sluice.mesh/ambient': 'true' } },
      status: { podIPs: [{ ip: client.ipv4 }, { ip: client.ipv6 }] }
    })
    await client.annotate('sluice.mesh/ambient', null)
    expect(read().metadata.annotations).toEqual({})
    expect(readdirSync(world.manifests.directory).sort()).toEqual([
      'pod-default-client.yaml',
      'pod-default-server.yaml'
    ])
  })

  it.each(['same', 'new'] as const)(
    'restarts a pod in a new network namespace with the %s uid',
    async (uid) => {
      const pod = await world.pod(`restarted-${uid}`)
      const before = { uid: pod.uid, cookie: await pod.cookie(), cgroup: pod.podCgroup }
      await pod.restart({ uid })
      expect(await pod.cookie()).not.toBe(before.cookie)
      expect([pod.uid === before.uid, existsSync(before.cgroup)]).toEqual(
        uid === 'same' ? [true, true] : [false, false]
      )
      expect(await pod.connect(server.ipv4, 82)).toMatchObject({ errno: 'ECONNREFUSED' })
      await pod.remove()
      expect(existsSync(pod.podCgroup)).toBe(false)
    }
  )

  it('gives the host, an outsider and a second container the right place', async () => {
    const outsider = await world.outsider('elsewhere')
    const served = await outsider.serve(8080)
    const beside = await client.container()
    for (const place of [world.host, world.kubelet, client, beside]) {
      expect(await place.connect(outsider.ipv4, 8080)).toMatchObject({ ok: true })
    }
    const { ipv4 } = world.bridge
    expect(served.peers).toEqual([ipv4, ipv4, client.ipv4, client.ipv4])
  })
})

describe('cleaning up', () => {
  it('leaves nothing', async () => {
    const world = await createWorld()
    const pod = await world.pod('left')
    await pod.serve(8080)
    expect(traces(world.prefix, world.cgroup)).not.toEqual([])
    await world.cleanup()
    expect(traces(world.prefix, world.cgroup)).toEqual([])
  })

  it.each(['SIGKILL', 'SIGINT'] as const)('happens also when the test is ended by %s', async (signal) => {
    const module = join(import.meta.dirname, '../../world/world.ts')
    const script = `import { createWorld } from '${module}'
      const world = await createWorld()
      await (await world.pod('left')).serve(8080)
      console.log(JSON.stringify({ event: 'made', prefix: world.prefix, cgroup: world.cgroup }))
      setInterval(() => {}, 1000)`
    const test = new Running([process.execPath, '--input-type=module-typescript', '-e', script])
    const { prefix, cgroup } = await test.waitForEvent('made')
    await test.stop(signal)
    await expect.poll(() => traces(String(prefix), String(cgroup))).toEqual([])
  })
})
