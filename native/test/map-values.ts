// SPDX-License-Identifier: Apache-2.0

/** struct point and struct entry of maps.bpf.c, made out of a number. */
export interface Point {
  id: bigint
  place: number[]
}

export const point = (n: number): Point => ({ id: BigInt(n), place: [n, 0, 0, 0] })
export const entry = (n: number) => ({
  version: 1,
  small: -1,
  port: n % 65_536,
  delta: -n,
  big: BigInt(n),
  signed_big: -BigInt(n),
  colour: 2,
  name: `entry ${n}`,
  at: [point(n), point(n + 1)]
})
