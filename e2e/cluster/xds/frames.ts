// SPDX-License-Identifier: Apache-2.0
// gRPC's length-prefixed messages: one byte (compressed or not), four of length, the message.

const PREFIX = 5

export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Puts messages together again. */
export class Frames {
  #rest = Buffer.alloc(0)

  /** @returns the messages that are complete now. @throws for a compressed one: nobody asked for that. */
  take(part: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, part])
    const messages: Buffer[] = []
    while (this.#rest.length >= PREFIX) {
      const end = PREFIX + this.#rest.readUInt32BE(1)
      if (this.#rest.length < end) break
      if (this.#rest[0] !== 0) throw new Error('a compressed gRPC message')
      messages.push(this.#rest.subarray(PREFIX, end))
      this.#rest = this.#rest.subarray(end)
    }
    return messages
  }
}
