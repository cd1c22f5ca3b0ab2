// SPDX-License-Identifier: Apache-2.0
// Control runs: the node with one of the agent's mechanisms off.

import { readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { mountPoint } from '../../world/mounts.ts'
import type { Mesh } from './mesh.ts'

/** Detaches a program everywhere. Only the pin keeps it attached while no agent runs. */
function detach(pins: string, program: string): number {
  const links = readdirSync(pins, { recursive: true, encoding: 'utf8' })
    .map((name) => join(pins, name))
    .filter((path) => path.includes(`/${program}@`))
  for (const link of links) unlinkSync(link)
  return links.length
}

/**
 * Runs `act` with the agent dead and the program detached, then starts the agent, which attaches it again.
 * @param program its function: connect4, setsockopt, lookup
 */
export async function without(node: Mesh, program: string, act: () => Promise<unknown>): Promise<void> {
  const { agent, world } = node
  const enrolled = (await node.report()).pods.filter(({ outside }) => !outside)
  await agent.kill9()
  try {
    if (detach(join(mountPoint('bpf'), world.prefix), program) === 0)
      throw new Error(`${program}: not pinned`)
    await act()
  } finally {
    await agent.restart()
    for (const pod of enrolled) await agent.untilPod(pod, 'enrolled')
  }
}

/** Runs `act` while no agent runs that could repair anything. */
export async function unattended(node: Mesh, act: () => Promise<unknown>): Promise<void> {
  const enrolled = (await node.report()).pods.filter(({ outside }) => !outside)
  await node.agent.kill9()
  try {
    await act()
  } finally {
    await node.agent.restart()
    for (const pod of enrolled) await node.agent.untilPod(pod, 'enrolled')
  }
}
