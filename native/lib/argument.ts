// SPDX-License-Identifier: Apache-2.0
import { invalidArgument } from './error.ts'

/** Throws EINVALID_ARGUMENT unless `value` is an object that is no array and no function. */
export function requireRecord(value: unknown, name: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument('an object', name, value)
}

export function requireString(value: unknown, name: string): void {
  if (typeof value !== 'string' || value === '') throw invalidArgument('a non-empty string', name, value)
}
