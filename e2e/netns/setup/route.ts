// SPDX-License-Identifier: Apache-2.0
// Which way a connection took, told by all who saw it: the client, ztunnel and the server.

import { expect } from 'vitest'
import type { Connected } from '../../world/place.ts'
import { host } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { FAMILIES, type Family, type Mesh } from './mesh.ts'

/** "10.0.0.1:80" or "[fd00::1]:80". */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** As `endpoint` writes an address of the other family: "[::ffff:10.0.0.1]:80" is "10.0.0.1:80". */
function unmapped(address: string | null | undefined): string {
  return (address ?? 'none').replace(/^\[::ffff:([0-9.]+)\]/, '$1')
}

/** The client, as the server greeted it: "10.0.0.1:1234". */
export function clientSeen(connected: Connected): string {
  return / peer=(\S+) /.exec(connected.data ?? '')?.[1] ?? `none: ${JSON.stringify(connected)}`
}

export interface Ends {
  readonly from: Pod
  readonly family: Family
  /** What was dialled, as `endpoint` writes it. */
  readonly to: string
}

/** Everybody tells the truth about both ends, and ztunnel carried it: the server sees another port of the pod. */
export async function expectSteered(mesh: Mesh, connected: Connected, ends: Ends): Promise<void> {
  const { from, family, to } = ends
  const local = unmapped(connected.local)
  expect(connected).toMatchObject({ ok: true, ended: 'line' })
  expect(unmapped(connected.peer)).toBe(to)
  expect(host(local)).toBe(from.address(family))
  await mesh.ztunnel.waitForConnection({ direction: 'outbound', src: local, dst: to })
  expect(host(clientSeen(connected))).toBe(from.address(family))
  expect(clientSeen(connected)).not.toBe(local)
}

/** As `expectSteered`, of what the pod dials to each address of the peer. */
export async function expectSteeredTo(
  mesh: Mesh,
  from: Pod,
  peer: Readonly<Record<Family, string>>,
  port: number
): Promise<void> {
  for (const family of FAMILIES) {
    const to = endpoint(peer[family], port)
    await expectSteered(mesh, await from.connect(peer[family], port), { from, family, to })
  }
}

/** Nobody stood between: the server sees the client's own socket. */
export function expectPlain(connected: Connected): void {
  expect(connected).toMatchObject({ ok: true, ended: 'line' })
  expect(clientSeen(connected)).toBe(unmapped(connected.local))
}
