// SPDX-License-Identifier: Apache-2.0
// A pod is annotated and un-annotated while it runs: from the request to its first connection on the other way.

import { hrtime } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Pod } from '../kube/pod.ts'
import { AMBIENT } from '../mesh/names.ts'
import { openScene } from '../scene.ts'
import { print } from './figures.ts'

const scene = openScene()

const CHANGES = 100
/** Between two connections of the application, µs: the node's servers need the processor too. */
const PAUSE_US = 500
/** The annotation changes when the application has been dialling for so long. */
const DIALLING_MS = 20
/** What a change leaves to do, an Event say, is not the next one's. */
const APART_MS = 200

/** Milliseconds from the request. */
interface Change {
  readonly answered: number
  readonly connected: number
}

/** The application, which runs once this resolves, tells by its socket's mark which way a connection went. */
async function openChanging(pod: Pod, server: string) {
  const application = pod.converse(['until', server, 8080, PAUSE_US])
  const begin = (word: 'steered' | 'plain') => {
    const before = application.lines.length
    application.write(`${word}\n`)
    return () => application.waitFor((line) => application.lines.indexOf(line) >= before)
  }
  await begin('plain')()
  return async (word: 'steered' | 'plain', annotation: 'true' | null): Promise<Change> => {
    const ended = begin(word)
    await sleep(DIALLING_MS)
    const asked = hrtime.bigint()
    await pod.annotate(AMBIENT, annotation)
    const answered = hrtime.bigint()
    const line = await ended()
    expect(line).toMatchObject({ event: word, refused: 0 })
    await scene.sluice.untilPod(pod, [word === 'steered' ? 'enrolled' : 'outside'], { everyMs: APART_MS })
    await sleep(APART_MS)
    const since = (time: bigint) => Number(time - asked) / 1e6
    return { answered: since(answered), connected: since(BigInt(String(line.ns))) }
  }
}

it('of a pod that is annotated and un-annotated', async ({ skip }) => {
  if (scene.state === null) return skip("the pod's clock is not that of this machine")
  await scene.sluice.install()
  const namespace = await scene.namespace('changing')
  const [server = ''] = await (await namespace.run('server')).addresses()
  const change = await openChanging(await namespace.run('changing', { command: ['dial', 'pause'] }), server)
  const annotated: Change[] = []
  const unannotated: Change[] = []
  for (let count = 0; count < CHANGES; count++) {
    annotated.push(await change('steered', 'true'))
    unannotated.push(await change('plain', null))
  }
  const connected = (changes: readonly Change[]) => changes.map((change) => change.connected)
  print('annotate to first steered connection', connected(annotated))
  print('un-annotate to first plain connection', connected(unannotated))
  print(
    'either PATCH, from request to answer',
    [...annotated, ...unannotated].map(({ answered }) => answered)
  )
})
