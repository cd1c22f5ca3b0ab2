// SPDX-License-Identifier: Apache-2.0
// The addresses that every name has here, one set from ztunnel and one from a server elsewhere: an answer tells who
// gave it. The same as e2e/world/dial/question.c computes.

export type Answerer = 'ztunnel' | 'server'
type Family = 'ipv4' | 'ipv6'

const NETWORKS = {
  ztunnel: { ipv4: '198.18', ipv6: 'fd00:5353::' },
  server: { ipv4: '198.19', ipv6: 'fd00:5354::' }
} as const satisfies Record<Answerer, Record<Family, string>>

/** FNV-1a, folded to 16 bits. */
function hash(name: string): number {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(name)) value = Math.imul(value ^ byte, 0x01000193) >>> 0
  return ((value >>> 16) ^ value) & 0xffff
}

/** @param name in lower case, without the final dot */
export function addressOf(name: string, answerer: Answerer, family: Family): string {
  const number = hash(name)
  const network = NETWORKS[answerer][family]
  return family === 'ipv4' ? `${network}.${number >> 8}.${number & 0xff}` : `${network}${number.toString(16)}`
}

/** Who gave this address; undefined: nobody here. */
export function answererOf(address: string): Answerer | undefined {
  const known = ['ztunnel', 'server'] as const
  return known.find((who) => Object.values(NETWORKS[who]).some((network) => address.startsWith(network)))
}
