// SPDX-License-Identifier: Apache-2.0

import type { ErrorEntry } from './table/entry.ts'
import { ERRORS, type ErrorCode } from './table.ts'

/** An error that an operator can look up: `code` is stable, the message ends with its cause. */
export class SluiceError extends Error {
  readonly code: ErrorCode

  /**
   * @param code a key of the error table, whose template is filled in
   * @param values what the template's `{name}` placeholders stand for
   * @param cause appended to the message
   */
  constructor(code: ErrorCode, values: Readonly<Record<string, string | number>> = {}, cause?: unknown) {
    const text = ERRORS[code].message.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      String(values[name] ?? `{${name}}`)
    )
    super(cause === undefined ? text : `${text}: ${causeText(cause)}`, { cause })
    this.name = 'SluiceError'
    this.code = code
  }

  /** What to do about it, where that is known. */
  get remedy(): string | undefined {
    const entry: ErrorEntry = ERRORS[this.code]
    return entry.remedy
  }
}

/** The message of anything that was thrown. */
export function causeText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** The same with the remedy, for those who see no more of it than this text. */
export function adviceText(cause: unknown): string {
  const remedy = cause instanceof SluiceError ? cause.remedy : undefined
  return remedy === undefined ? causeText(cause) : `${causeText(cause)}; remedy: ${remedy}`
}
