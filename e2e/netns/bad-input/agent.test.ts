// SPDX-License-Identifier: Apache-2.0
// What keeps an agent from working: each a line that names the cause and the remedy.

import { once } from 'node:events'
import { cp, mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { Authority } from '../../../observer/test/kubernetes/authority.ts'
import { writeKubeconfig } from '../../../observer/test/kubernetes/objects.ts'
import { SLUICE } from '../../world/agent.ts'
import { Place } from '../../world/place.ts'
import { type Finished, run } from '../../world/running.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const PORT = 8080
const BUILD = dirname(SLUICE)

describe('an agent that cannot start', () => {
  const node = mesh({ enrolled: ['member'], outsiders: ['peer'] })
  let peer: Outsider

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
  })

  async function untouched(): Promise<void> {
    expect(node.agent.running).toBe(true)
    expect(await node.pod('member').connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    const { drift } = await node.report()
    expect(drift).toEqual({})
  }

  /** The fatal line of an agent that ends by itself. */
  function fatal({ lines, code, stderr }: Finished): string {
    expect(code, stderr).not.toBe(0)
    const last = lines.at(-1) as { level?: string; err?: { message?: string; remedy?: string } } | undefined
    expect(last?.level, stderr).toBe('fatal')
    return `${last?.err?.message}; remedy: ${last?.err?.remedy}`
  }

  /** Its own pins, sockets and configuration: nothing of the running agent's is touched. */
  async function elsewhere(name: string): Promise<string> {
    const path = join(node.world.runDirectory, `${name}.yaml`)
    const config = {
      ...node.world.agentConfig(),
      pinDirectory: node.world.prefix,
      zds: { socket: join(node.world.runDirectory, `${name}.zds`) },
      controlSocket: join(node.world.runDirectory, `${name}.sock`)
    }
    await writeFile(path, stringify(config))
    return path
  }

  it('because another one runs says so', async () => {
    const second = await run([SLUICE, 'agent', '--config', node.agent.configPath])
    expect(fatal(second)).toMatch(/another agent holds .*remedy: end the other agent first/s)
    await untouched()
  })

  it('because another one has its pins says so, though its sockets are others', async () => {
    const config = await elsewhere('same-pins')
    const second = await run(['timeout', '10', SLUICE, 'agent', '--config', config])
    expect(fatal(second)).toMatch(/another agent holds .*remedy: .*pinDirectory/s)
    await untouched()
  })
})

describe('an agent on a machine that lacks something', () => {
  const node = mesh({ plain: ['bystander'], outsiders: ['peer'], ztunnel: false })

  beforeAll(async () => {
    await node.agent.stop()
    await node.agent.cli('cleanup')
  })

  /** The code of the fatal line of an agent that ends without being told to. */
  async function ended(config: string): Promise<unknown> {
    const limited = ['timeout', '-s', 'KILL', '10', SLUICE]
    const { lines, code, stderr } = await run([...limited, 'agent', '--config', config])
    expect(code, stderr).toBe(2)
    const last = lines.at(-1) as { level?: string; err?: { code?: string } } | undefined
    expect(last?.level, stderr).toBe('fatal')
    return last?.err?.code
  }

  it('names the kernel object that cannot be loaded, and the reason', async () => {
    const copy = join(node.world.runDirectory, 'copy')
    await mkdir(copy)
    for (const name of ['sluice', 'sluice.mjs', 'sluice.node', 'kernel']) {
      await cp(join(BUILD, name), join(copy, name), { recursive: true })
    }
    await truncate(join(copy, 'kernel/connect.bpf.o'), 9000)
    const { code, stderr } = await run([
      process.execPath,
      join(copy, 'sluice.mjs'),
      'agent',
      '--config',
      node.agent.configPath
    ])
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/kernel object connect\.bpf\.o cannot be loaded/)
    expect(stderr).toMatch(/sluice check names what this kernel lacks/)
    expect(await readdir(node.world.runDirectory)).not.toContain('sluice.sock')
  })

  it('names the metrics address that is taken, and ends', async () => {
    const path = join(node.world.runDirectory, 'no-port.yaml')
    const taken = createServer().listen(0, '127.0.0.1')
    try {
      await once(taken, 'listening')
      const metrics = { address: `127.0.0.1:${(taken.address() as AddressInfo).port}` }
      await writeFile(path, stringify({ ...node.world.agentConfig(), metrics }))
      expect(await ended(path)).toBe('SLUICE_ERR_METRICS_LISTEN')
    } finally {
      taken.close()
    }
    await node.agent.cli('cleanup')
  })

  it('names the socket that it cannot have, and ends though the API server is away', async () => {
    const { runDirectory } = node.world
    const path = join(runDirectory, 'no-socket.yaml')
    const socket = join(runDirectory, 'no-socket')
    await mkdir(socket)
    const kubeconfig = writeKubeconfig(runDirectory, 'https://127.0.0.1:1', new Authority(runDirectory))
    const cluster = { source: 'kubernetes', kubernetes: { kubeconfig, nodeName: 'n1' } }
    await writeFile(path, stringify({ ...node.world.agentConfig(), ...cluster, zds: { socket } }))
    expect(await ended(path)).toBe('SLUICE_ERR_ZDS_LISTEN')
    await node.agent.cli('cleanup')
  })

  it('names the manifest directory that is not there', async () => {
    const path = join(node.world.runDirectory, 'nowhere.yaml')
    const manifest = { directory: join(node.world.runDirectory, 'nowhere') }
    await writeFile(path, stringify({ ...node.world.agentConfig(), manifest }))
    expect(await ended(path)).toBe('SLUICE_ERR_MANIFEST_DIRECTORY')
    await node.agent.cli('cleanup')
  })

  it.each([
    { dropped: '-bpf,-sys_admin', named: /CAP_BPF|CAP_SYS_ADMIN/ },
    { dropped: '-sys_admin', named: /CAP_SYS_ADMIN/ }
  ])('names the capability that is missing: $dropped', async ({ dropped, named }) => {
    const argv = ['setpriv', `--bounding-set=${dropped}`, `--inh-caps=${dropped}`, '--']
    const { code, stderr } = await run([
      'timeout',
      '-s',
      'TERM',
      '10',
      ...argv,
      SLUICE,
      'agent',
      '--config',
      node.agent.configPath
    ])
    expect(code, stderr).not.toBe(0)
    expect(code, stderr).not.toBe(124)
    expect(stderr).toMatch(named)
    await node.agent.cli('cleanup')
  })

  it('names the capability that it lacks for a pod, beside that pod', async () => {
    const config = { ...node.world.agentConfig() }
    await writeFile(node.agent.configPath, stringify(config))
    const place = new Place('agent', node.agent.settings.place.cgroup, '-')
    const limited = place.spawn([
      'setpriv',
      '--bounding-set=-net_admin',
      '--inh-caps=-net_admin',
      '--',
      SLUICE,
      'agent',
      '--config',
      node.agent.configPath
    ])
    await node.pod('bystander').annotate(JOIN, 'true')
    const failed = await limited.waitFor(({ event }) => event === 'failed')
    expect(failed).toMatchObject({
      pod: 'default/bystander',
      reason: expect.stringMatching(/rules, routes and firewall of the pod cannot be read.*CAP_NET_ADMIN/)
    })
    await limited.stop()
  })
})

describe('an agent whose map of pods is full', () => {
  const node = mesh({
    outsiders: ['peer'],
    agent: { config: { maxPods: 3, verifyInterval: '300ms' } },
    ztunnel: { standIn: true }
  })

  it('holds the pods beyond, says so, and enrols them when there is room', async () => {
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    const names = ['one', 'two', 'three', 'four', 'five']
    const pods = []
    for (const name of names) {
      const pod = await node.world.pod({ name, annotations: { [JOIN]: 'true' } })
      if (pods.length < 3) await node.agent.untilPod(pod, 'enrolled')
      pods.push(pod)
    }
    const [within, beyond] = [pods.slice(0, 3), pods.slice(3)]
    for (const pod of within) expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    for (const pod of beyond) {
      expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
      expect(await pod.connect(peer.ipv6, PORT)).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    }
    const full = await node.agent.waitForLog(({ msg }) => String(msg).startsWith('map of pods is full'))
    expect(full).toMatchObject({ level: 'error', msg: expect.stringContaining('raise maxPods') })
    expect((await node.report()).counters.map_full).toBe(2)
    expect(node.ztunnel.opened()).toHaveLength(3)

    for (const pod of within.slice(0, 2)) await pod.remove()
    for (const pod of beyond) await node.agent.untilPod(pod, 'enrolled')
    for (const pod of beyond) expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened()).toHaveLength(5)
  })
})
