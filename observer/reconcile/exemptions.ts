// SPDX-License-Identifier: Apache-2.0
// Exemptions that are not needed. A hook deletes each when its socket closes, unless it was detached then, or the
// socket was another's by the time: what is left would let the next connection with the same ends pass ztunnel by. And
// once both ends have their sockets no lookup asks: whoever holds connections open must not hold the map's room.

import { role_kind } from '#contract'
import type { KernelMaps } from '../maps/kernel-maps.ts'

export interface ExemptionSweepOptions {
  readonly exempt: KernelMaps['exempt' | 'exempt_probe']
  /** Of a pod's namespace, by its cookie, as the native operation `connections` answers. Undefined: nobody can say. */
  readonly connectionsIn: (netns: bigint) => Promise<Uint8Array | undefined>
  /** Of the node's own namespace, where the kubelet dials. */
  readonly connectionsOfNode: () => Promise<Uint8Array>
  /** Of those whose connection is gone. */
  readonly onSwept: (count: number) => void
}

/** Keys in their bytes: of so many, none is decoded. */
interface Unneeded {
  /** No socket has them. */
  readonly missing: readonly Uint8Array[]
  /** The server has accepted them, in the client's namespace. */
  readonly accepted: readonly Uint8Array[]
}

/** What struct tuple has from `src` on. */
const RECORD_BYTES = 36
const KUBELET = BigInt(role_kind.ROLE_KUBELET)
/** Above it are what hooks note of the connection. */
const ROLE = 0xffn

export class ExemptionSweep {
  readonly #options: ExemptionSweepOptions
  #suspects: ReadonlySet<string> = new Set()

  constructor(options: ExemptionSweepOptions) {
    this.#options = options
  }

  /** Of what has no socket, deletes what had none in the round before: one that is being made has none for a moment. */
  async round(): Promise<void> {
    const { exempt, onSwept } = this.#options
    const { missing, accepted } = await this.#unneeded()
    exempt.deleteEncoded(accepted)
    const lost = missing.filter((key) => this.#suspects.has(textOf(key)))
    this.#suspects = new Set(missing.map(textOf))
    if (lost.length > 0) onSwept(exempt.deleteEncoded(lost))
  }

  async #unneeded(): Promise<Unneeded> {
    const { exempt, connectionsIn, connectionsOfNode } = this.#options
    const netns = exempt.keyLayout.member('netns')
    const { offset } = exempt.keyLayout.member('src')
    const byClient = Map.groupBy(exempt.encodedEntries(), ([key, role]) =>
      (role & ROLE) === KUBELET ? 'node' : (netns.layout.decode(key, netns.offset) as bigint)
    )
    const missing: Uint8Array[] = []
    const accepted: Uint8Array[] = []
    for (const [client, entries] of byClient) {
      const packed = client === 'node' ? await connectionsOfNode() : await connectionsIn(client)
      if (packed === undefined) continue
      const alive = recordsOf(packed)
      for (const [key] of entries) {
        const record = textOf(key.subarray(offset, offset + RECORD_BYTES))
        if (!alive.has(record)) missing.push(key)
        else if (alive.has(otherEnd(record))) accepted.push(key)
      }
    }
    return { missing, accepted }
  }
}

function recordsOf(packed: Uint8Array): ReadonlySet<string> {
  const text = textOf(packed)
  const count = text.length / RECORD_BYTES
  return new Set(
    Array.from({ length: count }, (_, index) => text.slice(index * RECORD_BYTES, (index + 1) * RECORD_BYTES))
  )
}

/** The same connection as the socket of its other end has it. */
function otherEnd(record: string): string {
  return record.slice(16, 32) + record.slice(0, 16) + record.slice(34) + record.slice(32, 34)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
