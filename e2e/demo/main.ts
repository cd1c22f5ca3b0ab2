// SPDX-License-Identifier: Apache-2.0
// `make demo`: two pods, a ztunnel and the agent, with live traffic. Exits with 1 when something that it shows is
// not true, with 128 + the signal's number when it is interrupted; in every case it removes what it made.

import { accessSync, constants } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { mounted } from '../world/mounts.ts'
import { createWorld, type World } from '../world/world.ts'
import { STAND_IN } from '../ztunnel/launch.ts'
import { within } from './patience.ts'
import { type Claim, isTrue } from './scene.ts'
import { SCENES } from './scenes.ts'
import { Screen } from './screen.ts'
import { leftovers, setStage } from './stage.ts'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
/** ms that an interrupted step is given, so that it makes nothing while all is removed. */
const GRACE = 2000

interface Step {
  readonly title: string
  readonly claims: readonly Claim[]
}

const screen = new Screen(process.stdout, process.env)
const interruption = new AbortController()
let code = 0

function interrupt(exitCode: number): void {
  // Whoever asks twice does not wait; the world's guard removes everything all the same.
  if (interruption.signal.aborted) process.exit(exitCode)
  code = exitCode
  interruption.abort(new Error('interrupted'))
}

function complain(problem: string): never {
  process.stderr.write(`demo: ${problem}\n`)
  process.exit(1)
}

function prepare(): void {
  if (process.geteuid?.() !== 0)
    complain('needs root, for network namespaces, cgroups and BPF: sudo make demo')
  const ztunnel = process.env.ZTUNNEL_BIN || STAND_IN
  try {
    accessSync(ztunnel, constants.X_OK)
  } catch {
    complain(`${ztunnel} is not there or cannot be executed`)
  }
  screen.title('Sluice: a pod joins the mesh, without iptables and without a restart')
  screen.words(
    'Two pods, web and store, made of real network namespaces and cgroups on this machine; the Sluice agent, which ' +
      'reads their manifests from a directory; and a ztunnel, the proxy that carries the mesh’s traffic: ' +
      `${process.env.ZTUNNEL_BIN ? ztunnel : 'a stand-in that speaks its protocol (ZTUNNEL_BIN=path takes a real one)'}.`
  )
  if (!mounted('bpf'))
    screen.words('No bpffs is mounted: the agent mounts /sys/fs/bpf, and it stays mounted.')
}

async function play(opening: Promise<World>, steps: Step[]): Promise<void> {
  const stage = await setStage(await opening)
  for (const [index, scene] of SCENES.entries()) {
    interruption.signal.throwIfAborted()
    screen.title(`${index + 1}. ${scene.title}`)
    screen.words(scene.words)
    steps.push({ title: `${index + 1}. ${scene.title}`, claims: await scene.play(stage, screen) })
  }
}

/** Gives what is left. */
async function strike(opening: Promise<World>): Promise<string[]> {
  const world = await opening.catch(() => undefined)
  if (world === undefined) return []
  await world.cleanup().catch((error: unknown) => screen.line(String(error)))
  await within(() => leftovers(world).length === 0)
  return leftovers(world)
}

function summarize(steps: readonly Step[]): boolean {
  const rows = steps.flatMap(({ title, claims }) =>
    claims.map((claim, index) => [
      index === 0 ? title : '',
      claim.observer,
      claim.expected,
      claim.seen,
      screen.verdict(isTrue(claim))
    ])
  )
  screen.title('What was shown, on IPv4 and IPv6')
  screen.table(['step', 'observer', 'expected', 'seen', ''], rows)
  return steps.length > SCENES.length && steps.every(({ claims }) => claims.every(isTrue))
}

function explain(error: unknown): void {
  screen.end(false, 'The demo could not go on.')
  screen.line(error instanceof Error ? error.message : String(error))
  screen.words('`build/sluice check` tells what this machine lacks.')
}

prepare()
for (const [signal, exitCode] of Object.entries(SIGNALS)) process.on(signal, () => interrupt(exitCode))
process.stdout.on('error', () => interrupt(1))

const started = performance.now()
const steps: Step[] = []
const opening = createWorld()
const playing = play(opening, steps)
const interrupted = new Promise<never>((_, reject) => {
  interruption.signal.addEventListener('abort', () => reject(interruption.signal.reason))
})
try {
  await Promise.race([playing, interrupted])
} catch (error) {
  code ||= 1
  if (!interruption.signal.aborted) explain(error)
}
if (interruption.signal.aborted) await Promise.race([playing.catch(() => {}), sleep(GRACE)])

const left = await strike(opening)
const seen = left.length === 0 ? 'nothing left' : left.join(' ')
const removed = { observer: 'this machine', expected: 'nothing left', seen }
steps.push({ title: 'All is removed', claims: [removed] })
const seconds = ((performance.now() - started) / 1000).toFixed(1)
if (interruption.signal.aborted)
  screen.end(false, `Interrupted after ${seconds} s; on this machine: ${seen}.`)
else if (summarize(steps)) screen.end(true, `All of it is true. ${seconds} s.`)
else {
  code = 1
  screen.end(false, `Not all of it was shown to be true. ${seconds} s.`)
}
process.exit(code)
