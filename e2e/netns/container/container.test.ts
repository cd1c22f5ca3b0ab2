// SPDX-License-Identifier: Apache-2.0
// What a container changes for the agent: a cgroup namespace of its own, a read-only /proc/sys, capabilities, and on a
// node that is a container itself (kind) only a part of the cgroup hierarchy.

import { afterEach, describe, expect, it } from 'vitest'
import { mountPoint } from '../../world/mounts.ts'
import { createWorld, type World } from '../../world/world.ts'
import { startZtunnel } from '../../ztunnel/launch.ts'
import { JOIN } from '../setup/mesh.ts'

const READ_ONLY = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys'
const NEEDED = ['net_admin', 'sys_admin', 'sys_ptrace']
const CGROUPS = mountPoint('cgroup2')

/** Runs a command in a mount and a cgroup namespace, after a script, with the capabilities of the chart. */
function container(script: string, capabilities: readonly string[] = NEEDED): string[] {
  const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',')
  const dropped = ['setpriv', `--bounding-set=${kept}`, `--inh-caps=${kept}`, '--no-new-privs', '--']
  return ['unshare', '--mount', '--cgroup', 'sh', '-ec', `${script}\nexec "$@"`, 'sh', ...dropped]
}

/** What the node's own hierarchy is to a node in a container: the cgroup of the world alone. */
function partOf(world: World): string {
  return `mount --bind ${world.cgroup} ${CGROUPS}`
}

let world: World | undefined
afterEach(async () => {
  await world?.cleanup()
})

async function prepared(): Promise<World> {
  world = await createWorld()
  await world.namespace('default')
  return world
}

describe('an agent in a container', () => {
  it.each([
    ['whose node has the whole hierarchy', false],
    ['whose node has a part of it', true]
  ])('%s enrols pods, serves ztunnel and knows the kubelet', async (_, part) => {
    const node = await prepared()
    const app = await node.pod({ name: 'app', annotations: { [JOIN]: 'true' } })
    const server = await node.outsider('server')
    const below = part ? '' : `/${node.prefix}`
    const agent = await node.agent({
      within: container(part ? `${READ_ONLY}\n${partOf(node)}` : READ_ONLY),
      config: {
        cgroupRoots: node.cgroupRoots.map((root) => (part ? root.slice(node.prefix.length + 1) : root)),
        ztunnel: { cgroup: `${below}/ztunnel` },
        kubelet: { cgroup: `${below}/kubelet.service` }
      }
    })
    const ztunnel = await startZtunnel(node)
    await agent.untilPod(app, 'verified')
    await server.serve(8080)
    expect(await app.connect(server.ipv4, 8080)).toMatchObject({ ok: true })
    await ztunnel.waitForConnection({ dst: `${server.ipv4}:8080`, src: new RegExp(`^${app.ipv4}`) })

    const late = await node.pod({ name: 'late', annotations: { [JOIN]: 'true' }, start: false })
    await late.start()
    await agent.untilPod(late, 'verified')

    const web = await app.serve(8081)
    const probe = await node.kubelet.connect(app.ipv4 ?? '', 8081)
    expect(probe).toMatchObject({ ok: true })
    // Past ztunnel: the application sees the kubelet's own socket.
    expect(web.seen.map(({ peer }) => peer)).toEqual([probe.local])
  })

  it.each(NEEDED)('cannot enrol a pod without %s', async (capability) => {
    const node = await prepared()
    const app = await node.pod({ name: 'app', annotations: { [JOIN]: 'true' } })
    const within = container(
      READ_ONLY,
      NEEDED.filter((name) => name !== capability)
    )
    const agent = await node.agent({ within, ready: false })
    await startZtunnel(node)
    const outcome = await agent.untilPod(app, 'failed').then(
      () => 'failed',
      () => (agent.running ? 'neither' : 'ended')
    )
    expect(outcome, agent.output).not.toBe('neither')
  })

  it('does not make a BPF file system that would end with it', async () => {
    const node = await prepared()
    const bpffs = mountPoint('bpf')
    const within = container(`umount ${bpffs}`)
    const agent = await node.agent({ within, ready: false })
    expect(await agent.exited).toMatchObject({ code: 2 })
    expect(agent.output).toContain('SLUICE_ERR_NODE_BPFFS')
  })
})
