// SPDX-License-Identifier: Apache-2.0
// Exemptions whose connection is gone: a hook deletes each when its socket closes, unless it was detached then, or
// the socket was another's by the time. What is left would let the next connection with the same ends pass ztunnel by.

import { role_kind, type Tuple } from '#contract'
import type { KernelMaps } from '../maps/kernel-maps.ts'

export interface ExemptionSweepOptions {
  readonly exempt: KernelMaps['exempt']
  /** Of a pod's namespace, by its cookie, as the native operation `connections` answers. Undefined: nobody can say. */
  readonly connectionsIn: (netns: bigint) => Promise<Uint8Array | undefined>
  /** Of the node's own namespace, where the kubelet dials. */
  readonly connectionsOfNode: () => Promise<Uint8Array>
  readonly onSwept: (count: number) => void
}

const RECORD_BYTES = 36
/** struct tuple has the namespace first, then what makes a record. */
const RECORD_AT = 8
const KUBELET = BigInt(role_kind.ROLE_KUBELET)
/** Above it are what hooks note of the connection. */
const ROLE = 0xffn

export class ExemptionSweep {
  readonly #options: ExemptionSweepOptions
  #suspects: ReadonlySet<string> = new Set()

  constructor(options: ExemptionSweepOptions) {
    this.#options = options
  }

  /** Deletes what had no socket in this round and in the one before: one that is being made has none for a moment. */
  async round(): Promise<void> {
    const { exempt, onSwept } = this.#options
    const missing = await this.#missing()
    const lost = missing.filter(({ id }) => this.#suspects.has(id))
    this.#suspects = new Set(missing.map(({ id }) => id))
    if (lost.length > 0) onSwept(exempt.deleteBatch(lost.map(({ key }) => key)))
  }

  async #missing(): Promise<{ readonly key: Tuple; readonly id: string }[]> {
    const { exempt, connectionsIn, connectionsOfNode } = this.#options
    const byClient = Map.groupBy(exempt.entries(), ([{ netns }, role]) =>
      (role & ROLE) === KUBELET ? 'node' : netns
    )
    const missing = []
    for (const [client, entries] of byClient) {
      const packed = client === 'node' ? await connectionsOfNode() : await connectionsIn(client)
      if (packed === undefined) continue
      const alive = recordsOf(packed)
      for (const [key] of entries) {
        const bytes = exempt.keyLayout.encode(key)
        const record = textOf(bytes.subarray(RECORD_AT, RECORD_AT + RECORD_BYTES))
        if (!alive.has(record)) missing.push({ key, id: textOf(bytes) })
      }
    }
    return missing
  }
}

function recordsOf(packed: Uint8Array): ReadonlySet<string> {
  const count = packed.length / RECORD_BYTES
  return new Set(
    Array.from({ length: count }, (_, index) =>
      textOf(packed.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES))
    )
  )
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
