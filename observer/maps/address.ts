// SPDX-License-Identifier: Apache-2.0
// struct addr, IPv4 and IPv6 alike: sixteen bytes in network order, IPv4 as ::ffff:a.b.c.d, all zero for none.

import { isIPv4, isIPv6 } from 'node:net'
import { endianness } from 'node:os'
import type { Addr } from '#contract'

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex')
const LITTLE = endianness() === 'LE'

export const NO_ADDRESS: Addr = { word: [0, 0, 0, 0] }

/** @throws RangeError for what is no address */
export function addressOf(text: string): Addr {
  const bytes = bytesOf(text)
  // BTF decodes the words in the host's order; in memory they lie in the network's.
  const word = [0, 4, 8, 12].map((at) => (LITTLE ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)))
  return { word }
}

/** As the kernel writes it; a manifest may spell it otherwise. */
export function canonicalText(address: string): string {
  return isIPv6(address) && !address.includes('%') ? canonical(address) : address
}

/** undefined for all zero */
export function addressText({ word }: Addr): string | undefined {
  const bytes = Buffer.alloc(16)
  for (const [index, value] of word.entries()) {
    if (LITTLE) bytes.writeUInt32LE(value, index * 4)
    else bytes.writeUInt32BE(value, index * 4)
  }
  if (bytes.every((byte) => byte === 0)) return undefined
  if (bytes.subarray(0, 12).equals(MAPPED)) return bytes.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  return canonical(groups.join(':'))
}

function bytesOf(text: string): Buffer {
  if (isIPv4(text)) return Buffer.concat([MAPPED, Buffer.from(text.split('.').map(Number))])
  if (!isIPv6(text) || text.includes('%')) throw new RangeError(`${text} is no IP address`)
  const [front = '', back] = canonical(text).split('::')
  const head = groupsOf(front)
  const tail = back === undefined ? [] : groupsOf(back)
  const bytes = Buffer.alloc(16)
  for (const [index, group] of head.entries()) bytes.writeUInt16BE(group, index * 2)
  for (const [index, group] of tail.entries()) bytes.writeUInt16BE(group, (8 - tail.length + index) * 2)
  return bytes
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

/** As RFC 5952 asks; URL knows how. */
function canonical(ipv6: string): string {
  return new URL(`http://[${ipv6}]`).hostname.slice(1, -1)
}
