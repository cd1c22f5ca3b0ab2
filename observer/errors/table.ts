// SPDX-License-Identifier: Apache-2.0
// Every error that an operator can meet: SLUICE_ERR_<AREA>_<WHAT>. docs/errors.md lists the same table; a test
// holds them together. Messages: lower case, noun first; the cause is appended.

import type { ErrorEntry } from './table/entry.ts'
import { NODE_ERRORS } from './table/node.ts'
import { POD_ERRORS } from './table/pods.ts'
import { SOURCE_ERRORS } from './table/sources.ts'
import { SURFACE_ERRORS } from './table/surface.ts'

export const ERRORS = {
  ...NODE_ERRORS,
  ...SOURCE_ERRORS,
  ...POD_ERRORS,
  ...SURFACE_ERRORS
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
