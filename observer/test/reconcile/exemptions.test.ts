// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { role_kind, type Tuple } from '#contract'
import { addressOf } from '../../maps/address.ts'
import type { KernelMaps } from '../../maps/kernel-maps.ts'
import { ExemptionSweep } from '../../reconcile/exemptions.ts'
import { ExemptMap, TUPLE } from '../maps/exempt-map.ts'

const POD = 7n
const { ROLE_ZTUNNEL, ROLE_KUBELET } = role_kind

function tuple(sport: number, netns = POD): Tuple {
  return { netns, src: addressOf('10.0.0.9'), dst: addressOf('10.0.0.1'), sport, dport: 80 }
}

/** As the server's socket has it. */
function accepted({ src, dst, sport, dport, ...rest }: Tuple): Tuple {
  return { ...rest, src: dst, dst: src, sport: dport, dport: sport }
}

function packed(...connections: readonly Tuple[]): Uint8Array {
  return Buffer.concat(connections.map((each) => TUPLE.encode(each).subarray(8, 44)))
}

function swept(inPod: Uint8Array | undefined, onNode: Uint8Array = packed()) {
  const exempt = new ExemptMap() as unknown as KernelMaps['exempt']
  const counts: number[] = []
  const sockets = { inPod, onNode }
  const sweep = new ExemptionSweep({
    exempt,
    connectionsIn: async () => sockets.inPod,
    connectionsOfNode: async () => sockets.onNode,
    onSwept: (count) => void counts.push(count)
  })
  return { exempt, counts, sockets, sweep }
}

describe('an exemption', () => {
  it('without a socket goes in the second round, and one with a socket stays', async () => {
    const { exempt, counts, sweep } = swept(packed(tuple(1)))
    for (const sport of [1, 2, 3]) exempt.set(tuple(sport), BigInt(ROLE_ZTUNNEL))
    await sweep.round()
    expect(exempt.keys()).toHaveLength(3)
    await sweep.round()
    expect(exempt.keys()).toEqual([tuple(1)])
    expect(counts).toEqual([2])
  })

  it('whose socket is seen again begins anew', async () => {
    const { exempt, sockets, sweep } = swept(packed())
    exempt.set(tuple(1), BigInt(ROLE_ZTUNNEL))
    await sweep.round()
    sockets.inPod = packed(tuple(1))
    await sweep.round()
    sockets.inPod = packed()
    await sweep.round()
    expect(exempt.keys()).toHaveLength(1)
    await sweep.round()
    expect(exempt.keys()).toEqual([])
  })

  it.each([
    ['the kubelet’s', 0n],
    ['the kubelet’s that its pod has met', 0x100n]
  ])('%s has its socket on the node, wherever it leads', async (_, noted) => {
    const { exempt, sweep } = swept(packed(tuple(2)), packed(tuple(1)))
    exempt.set(tuple(1), BigInt(ROLE_KUBELET) | noted)
    exempt.set(tuple(2), BigInt(ROLE_KUBELET) | noted)
    await sweep.round()
    await sweep.round()
    expect(exempt.keys()).toEqual([tuple(1)])
  })

  it('goes at once, and is no drift, when the server has accepted it', async () => {
    const { exempt, counts, sweep } = swept(
      packed(tuple(1), accepted(tuple(1)), tuple(2), accepted(tuple(3)))
    )
    for (const sport of [1, 2]) exempt.set(tuple(sport), BigInt(ROLE_ZTUNNEL))
    await sweep.round()
    expect(exempt.keys()).toEqual([tuple(2)])
    await sweep.round()
    expect(exempt.keys()).toEqual([tuple(2)])
    expect(counts).toEqual([])
  })

  it('stays where nobody can say what sockets there are', async () => {
    const { exempt, counts, sweep } = swept(undefined)
    exempt.set(tuple(1), BigInt(ROLE_ZTUNNEL))
    await sweep.round()
    await sweep.round()
    expect(exempt.keys()).toHaveLength(1)
    expect(counts).toEqual([])
  })
})
