// SPDX-License-Identifier: Apache-2.0
// Every error that an operator can meet: SLUICE_ERR_<AREA>_<WHAT>. docs/errors.md lists the same table; a test
// holds them together. Messages: lower case, noun first; the cause is appended.

export interface ErrorEntry {
  readonly message: string
  readonly remedy?: string
}

export const ERRORS = {
  SLUICE_ERR_MANIFEST_DIRECTORY: {
    message: 'manifest directory {path} cannot be read',
    remedy: 'create it, or name another with manifest.directory'
  }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
