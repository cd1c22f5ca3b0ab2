// SPDX-License-Identifier: Apache-2.0

import { SluiceError } from '../errors/error.ts'

/** The same for every command; docs/cli.md says what each means there. */
export const EXIT = { fine: 0, degraded: 1, unusable: 2 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What stderr shows of an error: one that nobody foresaw comes with its stack. */
export function errorText(error: unknown): string {
  if (!(error instanceof SluiceError)) {
    return `sluice: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
  }
  const remedy = error.remedy === undefined ? '' : `\n  remedy: ${error.remedy}`
  return `sluice: ${error.message}${remedy}\n  (${error.code}, see docs/errors.md)\n`
}
