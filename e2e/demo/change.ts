// SPDX-License-Identifier: Apache-2.0
// An annotation is set or taken away while traffic goes on.

import { readFileSync } from 'node:fs'
import { FAMILIES } from './call.ts'
import type { Claim } from './scene.ts'
import type { Screen } from './screen.ts'
import { NAMESPACE, type Stage } from './stage.ts'
import { Traffic } from './traffic.ts'

const ANNOTATION = 'sluice.mesh/ambient'
/** Connections before the change, and again after it. */
const SHARE = 30

export interface Change {
  readonly connections: number
  readonly story: string
  /** ms from the annotation to the first connection that went the new way. */
  readonly took: readonly (number | undefined)[]
}

export async function change(stage: Stage, value: string | null, screen: Screen): Promise<Change> {
  const { world, web } = stage
  const read = () => readFileSync(world.manifests.path(web.file), 'utf8')
  const way = value === null ? 'plain' : 'ztunnel'
  const traffic = new Traffic(stage)
  await traffic.more(SHARE)
  const before = read()
  const since = Date.now()
  await web.annotate(ANNOTATION, value)
  screen.command(
    `kubectl -n ${NAMESPACE} annotate pod ${web.name} ${ANNOTATION}${value === null ? '-' : `=${value}`}`,
    [`# here: ${web.file}.yaml changes`, ...difference(before, read())]
  )
  await traffic.untilAll(way)
  await traffic.more(SHARE)
  await traffic.stop()
  const took = FAMILIES.map((family) => {
    const first = traffic.firstAt(way, family, since)
    return first === undefined ? undefined : first - since
  })
  return { connections: traffic.attempts.length, story: traffic.story, took }
}

export function showChange({ connections, story, took }: Change, screen: Screen): void {
  const [ipv4, ipv6] = took.map((ms) => (ms === undefined ? 'never' : `${ms} ms`))
  screen.words(`Live traffic, ${connections} connections during the change: ${story}.`)
  screen.words(
    `From the annotation to the first connection that went the new way: IPv4 ${ipv4}, IPv6 ${ipv6}.`
  )
  screen.line()
}

export function noneLost({ story }: Change, expected: string): Claim {
  return { observer: 'live traffic', expected, seen: story }
}

/** Lines of which one text has more than the other; good for a change in one place. */
function difference(before: string, after: string): string[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const gone = old.filter((line) => !now.includes(line))
  const added = now.filter((line) => !old.includes(line))
  return [...gone.map((line) => `- ${line}`), ...added.map((line) => `+ ${line}`)]
}
