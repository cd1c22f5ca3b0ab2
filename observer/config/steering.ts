// SPDX-License-Identifier: Apache-2.0
// What must not meet anybody else's on the node: the mark, the routing table, the rules.

import * as z from 'zod'
import { integer } from './fields.ts'

const UINT32_MAX = 0xffff_ffff

export const ISTIO_MASK = 0xfff

/** Istio's mark of what ztunnel dials. */
export const ZTUNNEL_MARK = 0x539

/** Istio's own marks: traffic to redirect, and ztunnel's own. */
const ISTIO_MARKS = [0x111, ZTUNNEL_MARK]

/** unspec, the CNI sbr plugin's first table, default, main, local. */
const TAKEN_TABLES = [0, 100, 253, 254, 255]

/** unspec, redirect, kernel, boot, static. */
const LAST_RESERVED_PROTOCOL = 4

const same = (a: number, b: number, mask: number) => ((a ^ b) & mask) === 0

export const steering = z
  .strictObject({
    mark: integer(0x51c, 'Mark of the connections that go to ztunnel.', {
      min: 1,
      max: UINT32_MAX,
      hex: true
    }),
    mask: integer(0xfff, "Bits of a socket's mark that are ours.", { min: 1, max: UINT32_MAX, hex: true }),
    table: integer(5151, "Routing table in each pod's network namespace.", {
      min: 1,
      max: UINT32_MAX,
      also: `but not ${TAKEN_TABLES.slice(1).join(', ')}, which are taken`,
      test: (table) => !TAKEN_TABLES.includes(table)
    }),
    // Right after `local` (0), and before `main` (32766).
    priority: integer(1, 'Priority of the first of two routing rules; the second has the next number.', {
      min: 1,
      max: 32_764
    }),
    protocol: integer(
      151,
      'Origin number that marks our rules and routes as ours (`ip rule` shows it as proto).',
      {
        min: LAST_RESERVED_PROTOCOL + 1,
        max: 255
      }
    )
  })
  .check((context) => {
    // A mask or a mark that is no number has been refused already.
    if (context.issues.length > 0) return
    const { mark, mask } = context.value
    const refuse = (message: string) =>
      context.issues.push({ code: 'custom', path: ['mark'], input: mark, params: { message }, message })
    if ((mark & ~mask) !== 0) refuse('has bits outside steering.mask')
    const istio = ISTIO_MARKS.find((taken) => same(mark, taken, mask) || same(mark, taken, ISTIO_MASK))
    if (istio !== undefined) refuse(`cannot be told from Istio's own mark 0x${istio.toString(16)}`)
  })
