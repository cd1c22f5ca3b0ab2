// SPDX-License-Identifier: Apache-2.0

/** What an addon function throws: a plain object, made in native/src/error.cc. */
interface Failure {
  code: string
  message: string
  errno?: number
  syscall?: string
  log?: string
}

/**
 * Every error of this library. `code` is `SLUICE_NATIVE_<WHAT>` (the table is in native/README.md), `errno` positive,
 * `syscall` what failed, `log` the whole verifier log where there is one.
 */
export class NativeError extends Error {
  readonly code: string
  readonly errno?: number
  readonly syscall?: string
  readonly log?: string

  constructor(failure: Failure) {
    super(failure.message)
    this.name = 'NativeError'
    this.code = failure.code
    if (failure.errno !== undefined) this.errno = failure.errno
    if (failure.syscall !== undefined) this.syscall = failure.syscall
    // A log has thousands of lines: not for console.error and serializers.
    if (failure.log !== undefined)
      Object.defineProperty(this, 'log', { value: failure.log, enumerable: false })
  }
}

function isFailure(thrown: unknown): thrown is Failure {
  return typeof thrown === 'object' && thrown !== null && !(thrown instanceof Error) && 'code' in thrown
}

/** The NativeError of an object that the addon threw or handed to a callback; anything else unchanged. */
export function toNativeError(thrown: unknown): unknown {
  return isFailure(thrown) ? new NativeError(thrown) : thrown
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}...` : value}'`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}

/** The error for a wrong argument; the message is the same as the addon's own. */
export function invalidArgument(expected: string, name: string, value: unknown): NativeError {
  const type = value === null ? 'null' : typeof value
  return new NativeError({
    code: 'SLUICE_NATIVE_EINVALID_ARGUMENT',
    message: `expected ${expected} for ${name} but received ${shown(value)} of type ${type}`
  })
}

export function closedError(what: string): NativeError {
  return new NativeError({ code: 'SLUICE_NATIVE_ECLOSED', message: `the ${what} is closed` })
}
