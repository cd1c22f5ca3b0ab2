// SPDX-License-Identifier: Apache-2.0
// A million inputs in seconds: fast-check shrinks, and is ten times slower.

import { randomInt } from 'node:crypto'

/** xorshift32; the same seed gives the same inputs. */
export class Dice {
  readonly seed: number
  #state: number

  constructor(seed = Number(process.env.FUZZ_SEED ?? randomInt(1, 2 ** 31))) {
    this.seed = seed
    this.#state = seed
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % limit
  }
}

/** Inputs: three of four are changed from a valid one, the others are random bytes. Each lies in foreign bytes. */
export class Mutations {
  readonly #dice: Dice
  readonly #valid: readonly Uint8Array[]
  /** The longest input. */
  readonly #limit: number
  /** Foreign bytes before and behind: whoever reads past the input finds something there. */
  readonly #room: Uint8Array

  constructor(dice: Dice, valid: readonly Uint8Array[]) {
    this.#dice = dice
    this.#valid = valid
    this.#limit = Math.max(64, ...valid.map(({ length }) => length)) + 8
    this.#room = new Uint8Array(3 * this.#limit)
  }

  /** Valid until the next one is asked for. */
  next(): Uint8Array {
    const dice = this.#dice
    const length = dice.below(4) === 0 ? this.#random() : this.#changed()
    for (let i = 0; i < 16; i++) this.#room[this.#limit + length + i] = dice.below(256)
    return this.#room.subarray(this.#limit, this.#limit + length)
  }

  #random(): number {
    const length = this.#dice.below(64)
    for (let i = 0; i < length; i++) this.#room[this.#limit + i] = this.#dice.below(256)
    return length
  }

  #changed(): number {
    const [dice, room, start] = [this.#dice, this.#room, this.#limit]
    const valid = this.#valid[dice.below(this.#valid.length)] ?? new Uint8Array()
    room.set(valid, start)
    let length = valid.length
    for (let changes = dice.below(4); changes > 0; changes--) {
      const at = start + dice.below(length + 1)
      switch (dice.below(5)) {
        case 0:
          room[at] = dice.below(256)
          break
        case 1:
          room[at] = (room[at] ?? 0) ^ (1 << dice.below(8))
          break
        case 2:
          length = at - start
          break
        case 3:
          if (length < this.#limit) {
            room.copyWithin(at + 1, at, start + length)
            room[at] = dice.below(256)
            length += 1
          }
          break
        default:
          if (length > 0) {
            room.copyWithin(at, at + 1, start + length)
            length -= 1
          }
      }
    }
    return length
  }
}
