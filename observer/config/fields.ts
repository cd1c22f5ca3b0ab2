// SPDX-License-Identifier: Apache-2.0
// The kinds of value that a setting can have. Each accepts what the file holds; text from the environment
// and from flags is turned into that shape by layers.ts.

import { isIP } from 'node:net'
import * as z from 'zod'

/** What the reference page and the errors say of a setting. */
export interface FieldNotes {
  readonly description: string
  /** Continues the sentence "expected ...". */
  readonly accepted: string
  /** Numbers that are written in hexadecimal. */
  readonly hex?: boolean
}

export const notes = z.registry<FieldNotes>()

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const DAY_MS = 24 * 3_600_000
/** sun_path holds 108 bytes, the last of them NUL. */
const SOCKET_PATH_BYTES = 107

/** Milliseconds of '250ms', '1.5s', '1m' or '2h'; undefined for any other text. */
function durationMs(text: string): number | undefined {
  const parts = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text)
  if (parts === null) return undefined
  return Math.round(Number(parts[1]) * (UNIT_MS[parts[2] ?? ''] ?? Number.NaN))
}

/** Text such as '5s' in, milliseconds out. */
export function duration(fallback: string, description: string, limits: { min: string; off?: boolean }) {
  const min = durationMs(limits.min) ?? 0
  const accepted = `a duration such as 250ms, 5s or 1m, from ${limits.min} to 24h${limits.off ? ', or 0s for off' : ''}`
  return z
    .string()
    .transform((text, context) => {
      const ms = durationMs(text)
      if (ms !== undefined && ms <= DAY_MS && (ms >= min || (limits.off && ms === 0))) return ms
      context.addIssue({ code: 'custom', input: text })
      return z.NEVER
    })
    .prefault(fallback)
    .register(notes, { description, accepted })
}

export function flag(fallback: boolean, description: string) {
  return z.boolean().prefault(fallback).register(notes, { description, accepted: 'true or false' })
}

export function choice<const T extends readonly [string, ...string[]]>(
  values: T,
  fallback: T[number],
  description: string
) {
  return z
    .enum(values)
    .prefault(fallback)
    .register(notes, { description, accepted: `one of ${values.join(', ')}` })
}

export function integer(
  fallback: number,
  description: string,
  limits: { min: number; max: number; hex?: boolean; also?: string; test?: (value: number) => boolean }
) {
  const show = (value: number) => (limits.hex ? `0x${value.toString(16)}` : String(value))
  const range = `an integer from ${show(limits.min)} to ${show(limits.max)}`
  return z
    .int()
    .min(limits.min)
    .max(limits.max)
    .refine((value) => limits.test?.(value) ?? true)
    .prefault(fallback)
    .register(notes, {
      description,
      accepted: limits.also === undefined ? range : `${range}, ${limits.also}`,
      hex: limits.hex ?? false
    })
}

function absolute(accepts: (path: string) => boolean = () => true) {
  return z.string().refine((path) => {
    if (!path.startsWith('/') || path.includes('\0')) return false
    const parts = path.split('/').slice(1)
    return (
      path.length > 1 && parts.every((part) => part !== '' && part !== '.' && part !== '..') && accepts(path)
    )
  })
}

const ABSOLUTE = 'an absolute path without "." or ".." and without a slash at the end'

export function path(fallback: string, description: string) {
  return absolute().prefault(fallback).register(notes, { description, accepted: ABSOLUTE })
}

export function optionalPath(description: string) {
  return absolute().optional().register(notes, { description, accepted: ABSOLUTE })
}

export function paths(description: string) {
  return z
    .array(absolute())
    .prefault([])
    .register(notes, { description, accepted: 'a list of absolute paths without "." or ".."' })
}

export function addresses(description: string) {
  return z
    .array(z.string().refine((text) => isIP(text) !== 0))
    .prefault([])
    .register(notes, { description, accepted: 'a list of IP addresses' })
}

export function socketPath(fallback: string, description: string) {
  return absolute((text) => Buffer.byteLength(text) <= SOCKET_PATH_BYTES)
    .prefault(fallback)
    .register(notes, { description, accepted: `${ABSOLUTE}, at most ${SOCKET_PATH_BYTES} bytes long` })
}

/** bpffs keeps names with dots for itself; what cleanup must spare of other agents lies directly below it. */
export function pinName(fallback: string, description: string) {
  return z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .prefault(fallback)
    .register(notes, { description, accepted: 'a name of letters, digits, "-" and "_", without a slash' })
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

export function namespaceName(fallback: string, description: string) {
  return z
    .string()
    .regex(LABEL)
    .prefault(fallback)
    .register(notes, { description, accepted: 'the name of a namespace' })
}

export function optionalNamespaceName(description: string) {
  return z
    .string()
    .regex(LABEL)
    .optional()
    .register(notes, { description, accepted: 'the name of a namespace' })
}

export function namespaceNames(fallback: string[], description: string) {
  return z
    .array(z.string().regex(LABEL))
    .prefault(fallback)
    .register(notes, { description, accepted: 'a list of names of namespaces' })
}

export function objectNames(fallback: string[], description: string) {
  return z
    .array(z.string().regex(SUBDOMAIN))
    .prefault(fallback)
    .register(notes, { description, accepted: 'a list of names of Kubernetes objects' })
}

export function objectName(fallback: string, description: string) {
  return z
    .string()
    .regex(SUBDOMAIN)
    .prefault(fallback)
    .register(notes, { description, accepted: 'the name of a Kubernetes object' })
}

export function optionalObjectName(description: string) {
  return z
    .string()
    .regex(SUBDOMAIN)
    .optional()
    .register(notes, { description, accepted: 'the name of a Kubernetes object' })
}

/** Text such as '127.0.0.1:15014' or '[::1]:15014' in, host and port out; '0' is off, and undefined. */
export function listenAddress(fallback: string, description: string) {
  return z
    .string()
    .transform((text, context) => {
      if (text === '0') return undefined
      const [, ipv6, ipv4, digits] = /^(?:\[([\da-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text) ?? []
      const host = ipv6 ?? ipv4 ?? ''
      const port = Number(digits)
      if (isIP(host) === (ipv6 === undefined ? 4 : 6) && port <= 65_535) return { host, port }
      context.addIssue({ code: 'custom', input: text })
      return z.NEVER
    })
    .prefault(fallback)
    .register(notes, {
      description,
      accepted: 'an IP address and a port such as 127.0.0.1:15014 or [::1]:15014, or 0 for off'
    })
}
