// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'

/** A parsed line of JSON that a process printed. */
export type Line = Record<string, unknown>

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Finished extends Exit {
  readonly lines: readonly Line[]
  /** Whole stdout, parsed or not. */
  readonly stdout: string
  readonly stderr: string
}

export interface StartOptions {
  readonly env?: Record<string, string>
  readonly cwd?: string
}

interface Waiter {
  readonly matches: (line: Line) => boolean
  readonly resolve: (line: Line) => void
}

/** How long anything is waited for that will come, in ms: far longer than on a slow and busy machine. */
export const PATIENCE = 60_000 * Number(process.env.TEST_PATIENCE ?? 1)

/** How long `stop` waits between SIGTERM and SIGKILL, in ms. */
const GRACE = 30_000

/** A process that keeps running; its JSON lines are collected as they come. */
export class Running {
  readonly command: string
  readonly pid: number
  /** Every JSON line of stdout and stderr so far, oldest first. Other lines are only in `stdout` and `stderr`. */
  readonly lines: Line[] = []
  readonly exited: Promise<Exit>
  stdout = ''
  stderr = ''
  readonly #unfinished = { stdout: '', stderr: '' }
  readonly #child: ChildProcess
  readonly #waiters = new Set<Waiter>()

  constructor(argv: readonly string[], options: StartOptions = {}) {
    const [command = '', ...args] = argv
    this.command = argv.join(' ')
    this.#child = spawn(command, args, {
      stdio: 'pipe',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env }
    })
    this.pid = this.#child.pid ?? -1
    this.#child.stdin?.on('error', () => {})
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take('stdout', text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take('stderr', text))
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code, signal) => resolve({ code, signal }))
    })
    this.exited.catch(() => {})
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text
    const parts = (this.#unfinished[stream] + text).split('\n')
    this.#unfinished[stream] = parts.pop() ?? ''
    for (const part of parts) {
      const line = parse(part)
      if (line === undefined) continue
      this.lines.push(line)
      for (const waiter of this.#waiters) if (waiter.matches(line)) waiter.resolve(line)
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.pid > 0
  }

  /**
   * The first line, past or future, that matches.
   * @throws when the process ends or `timeoutMs` pass first; the message carries what it printed.
   */
  async waitFor(matches: (line: Line) => boolean, timeoutMs = PATIENCE): Promise<Line> {
    const seen = this.lines.find(matches)
    if (seen !== undefined) return seen
    return await new Promise<Line>((resolve, reject) => {
      const waiter: Waiter = { matches, resolve: (line) => settle(() => resolve(line)) }
      const timer = setTimeout(
        () => settle(() => reject(this.#complaint(`not within ${timeoutMs} ms`))),
        timeoutMs
      )
      const settle = (how: () => void) => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        how()
      }
      this.#waiters.add(waiter)
      this.exited.then(
        () => settle(() => reject(this.#complaint('it ended before'))),
        (error: unknown) => settle(() => reject(error))
      )
    })
  }

  /** The line `{event}`. */
  waitForEvent(event: string, timeoutMs = PATIENCE): Promise<Line> {
    return this.waitFor((line) => line.event === event, timeoutMs)
  }

  #complaint(what: string): Error {
    return new Error(`${this.command}: waited for a line, but ${what}\n${this.stdout}${this.stderr}`)
  }

  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  endInput(): void {
    this.#child.stdin?.end()
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal)
  }

  /** Ends it (SIGTERM, SIGKILL after 30 s) and waits until it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.signal(signal)
    const timer = setTimeout(() => this.signal('SIGKILL'), GRACE)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }

  /** Waits until it ends by itself. */
  async finished(): Promise<Finished> {
    const exit = await this.exited
    return { ...exit, lines: this.lines, stdout: this.stdout, stderr: this.stderr }
  }
}

function parse(text: string): Line | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Line
  } catch {
    return undefined
  }
}

/** Runs a command to its end. @throws when it cannot be started; a bad exit is in the result. */
export function run(
  argv: readonly string[],
  options: StartOptions & { input?: string } = {}
): Promise<Finished> {
  const process = new Running(argv, options)
  process.write(options.input ?? '')
  process.endInput()
  return process.finished()
}

/** As `run`. @throws when the command exits with anything but 0. */
export async function must(argv: readonly string[], input = ''): Promise<Finished> {
  const finished = await run(argv, { input })
  if (finished.code !== 0)
    throw new Error(`${argv.join(' ')}: exit ${finished.code}: ${finished.stderr}${input}`)
  return finished
}
