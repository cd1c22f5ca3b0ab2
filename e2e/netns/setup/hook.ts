// SPDX-License-Identifier: Apache-2.0
// Control runs: the node with one of the agent's mechanisms off.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Link } from '#native'
import { mountPoint } from '../../world/mounts.ts'
import type { Mesh } from './mesh.ts'

/** Detaches a program everywhere, now: without a pin alone a link still goes a moment later. */
function detach(pins: string, program: string): number {
  const links = readdirSync(pins, { recursive: true, encoding: 'utf8' })
    .map((name) => join(pins, name))
    .filter((path) => path.includes(`/${program}@`))
  for (const path of links) {
    using link = Link.openPinned(path)
    link.detach()
    link.unpin()
  }
  return links.length
}

/** Runs `act` while no agent runs that could repair anything, then waits until one has looked at every pod. */
export async function unattended(node: Mesh, act: () => Promise<unknown>): Promise<void> {
  const { agent } = node
  const enrolled = (await node.report()).pods.filter(({ outside }) => !outside)
  await agent.kill9()
  try {
    await act()
  } finally {
    await agent.restart()
    for (const pod of enrolled) await agent.untilPod(pod, 'verified')
  }
}

/**
 * Runs `act` with the agent dead and the program detached; the agent that starts then attaches it again.
 * @param program its function: connect4, setsockopt, lookup
 */
export function without(node: Mesh, program: string, act: () => Promise<unknown>): Promise<void> {
  const pins = join(mountPoint('bpf'), node.world.prefix)
  return unattended(node, async () => {
    if (detach(pins, program) === 0) throw new Error(`${program}: not pinned`)
    await act()
  })
}
