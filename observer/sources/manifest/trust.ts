// SPDX-License-Identifier: Apache-2.0
// When to believe what was read: a writer may be half-way, and nothing in inotify as Node shows it says when it has
// closed the file. A cut does not always break the YAML, so text that says less than before is doubted as well.

import type { Pod } from '../../pods/pod.ts'
import type { ManifestObject, Parsed } from './parse.ts'

export interface Content {
  readonly text: string
  readonly parsed: Parsed
  /** A rename brings another inode, and a whole file with it; writing in place keeps it. */
  readonly inode: bigint
  /** Milliseconds between the last write and the reading. */
  readonly ageMs: number
}

/** How long content must not have changed, by what speaks for its being whole. */
const QUIET_MS = {
  /** It says of the same objects all that was said before. */
  whole: 0,
  /** New objects. */
  likely: 1,
  /** Less than before in a file that took the other's place: what is missing may come in another file. */
  replaced: 10,
  /** Broken, empty, without its last line's end, or written over and now saying less. */
  doubtful: 75
} as const
/** An editor may remove a file before it writes the next. */
const GONE_MS = 50
/** Timestamps of files are those of the last timer tick, at most 10 ms ago (HZ=100). */
const TICK_MS = 10

/**
 * How long to wait before looking again, in milliseconds; 0: take it. `same`: there is nothing new.
 * @param former what was taken last; undefined: nothing, or the file was gone
 * @param unchangedMs for how long each look has shown the same
 */
export function patience(
  former: Content | undefined,
  seen: Content | undefined,
  unchangedMs: number
): number | 'same' {
  if (seen === undefined) return former === undefined ? 'same' : Math.max(0, GONE_MS - unchangedMs)
  if (seen.text === former?.text) return 'same'
  const looks = wholeness(former, seen)
  // An old file put in another's place has only now been put there.
  const quietMs = looks === 'replaced' ? unchangedMs : Math.max(unchangedMs, seen.ageMs - TICK_MS)
  return Math.max(0, QUIET_MS[looks] - quietMs)
}

/** How sure it is that the end is not missing. */
export function wholeness(former: Content | undefined, seen: Content): keyof typeof QUIET_MS {
  const { readable, problems } = seen.parsed
  if (!readable || problems.length > 0 || !isEnded(seen.text)) return 'doubtful'
  if (former === undefined) return 'likely'
  if (saysLess(former.parsed, seen.parsed)) return former.inode === seen.inode ? 'doubtful' : 'replaced'
  return seen.parsed.objects.length > former.parsed.objects.length ? 'likely' : 'whole'
}

function isEnded(text: string): boolean {
  const body = text.trim()
  return (body.startsWith('{') && body.endsWith('}')) || (body !== '' && text.endsWith('\n'))
}

function saysLess(former: Parsed, next: Parsed): boolean {
  const found = new Map(next.objects.map((object) => [key(object), object]))
  return former.objects.some((object) => {
    const successor = found.get(key(object))
    return successor === undefined || lacks(successor, object)
  })
}

function key(object: ManifestObject): string {
  return object.kind === 'pod' ? `${object.pod.namespace}/${object.pod.name}` : object.namespace.name
}

function lacks(next: ManifestObject, former: ManifestObject): boolean {
  const [a, b] = [
    former.kind === 'pod' ? former.pod : former.namespace,
    next.kind === 'pod' ? next.pod : next.namespace
  ]
  if (lacksKeys(b.labels, a.labels) || lacksKeys(b.annotations, a.annotations)) return true
  return former.kind === 'pod' && next.kind === 'pod' && lacksFields(next.pod, former.pod)
}

function lacksKeys(
  next: Readonly<Record<string, string>>,
  former: Readonly<Record<string, string>>
): boolean {
  return Object.keys(former).some((name) => !Object.hasOwn(next, name))
}

// A field that is cut off takes its default.
function lacksFields(next: Pod, former: Pod): boolean {
  return (
    (former.hostNetwork && !next.hostNetwork) ||
    (former.runtimeClass !== undefined && next.runtimeClass === undefined) ||
    (former.serviceAccount !== next.serviceAccount && next.serviceAccount === 'default') ||
    (former.phase !== next.phase && next.phase === 'Unknown') ||
    next.uid !== former.uid ||
    next.ips.length < former.ips.length
  )
}
