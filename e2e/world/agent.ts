// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { Place } from './place.ts'
import { type Exit, type Finished, type Line, PATIENCE, type Running, run } from './running.ts'

/** Built by `make`. */
export const SLUICE = join(import.meta.dirname, '../../build/sluice')

/** Of `sluice status --json`; what else it holds is under `unknown` keys. */
export interface PodReport {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly ips: readonly string[]
  readonly state: string
  readonly reason: string
  readonly outside: boolean
  readonly steered: number
  readonly refused: number
  readonly since: string
  readonly netns?: string
  readonly cgroup?: string
  readonly lastError?: string
  readonly conditions?: readonly { readonly kind: string; readonly message: string }[]
}

export interface Report {
  readonly agent: {
    readonly running: boolean
    readonly ready?: boolean
    /** Of its kernel programs. */
    readonly build?: string
    readonly problems?: readonly string[]
  }
  readonly ztunnels: readonly { readonly pid: number; readonly cgroup: string }[]
  readonly pods: readonly PodReport[]
  readonly counters: Readonly<Record<string, number>>
  readonly drift: Readonly<Record<string, number>>
  readonly resyncs: number
  readonly wakeups: number
  readonly refusedZtunnels: number
}

export interface AgentSettings {
  readonly place: Place
  readonly runDirectory: string
  /** The world's own settings; overrides of a test are merged over them. */
  readonly config: Record<string, unknown>
}

export interface AgentOptions {
  /** Merged over the world's configuration, group by group: `{ strict: true, log: { level: 'debug' } }`. */
  readonly config?: Record<string, unknown>
  /** Wait until the agent says that it is ready. Default true. */
  readonly ready?: boolean
  /** Further flags of `sluice agent`. */
  readonly flags?: readonly string[]
  readonly env?: Record<string, string>
  /** The command that runs it, by an exec at its end: a container, say. */
  readonly within?: readonly string[]
}

function merged(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const result = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    result[key] = isGroup(below) && isGroup(value) ? merged(below, value) : value
  }
  return result
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A `sluice agent` of this world, in a cgroup of its own outside kubepods. */
export class Agent {
  readonly configPath: string
  readonly controlSocket: string
  readonly settings: AgentSettings
  readonly options: AgentOptions
  /** What the next start runs. */
  command = SLUICE
  #process: Running

  private constructor(settings: AgentSettings, options: AgentOptions, config: Record<string, unknown>) {
    this.settings = settings
    this.options = options
    this.configPath = join(settings.runDirectory, 'sluice.yaml')
    this.controlSocket = String(config.controlSocket)
    this.#process = this.#spawn()
  }

  static async start(settings: AgentSettings, options: AgentOptions = {}): Promise<Agent> {
    const config = merged(settings.config, options.config ?? {})
    await settings.place.makeCgroup()
    await writeFile(join(settings.runDirectory, 'sluice.yaml'), stringify(config))
    const agent = new Agent(settings, options, config)
    if (options.ready !== false) await agent.untilReady()
    return agent
  }

  #spawn(): Running {
    const { flags = [], env = {}, within = [] } = this.options
    const argv = [...within, this.command, 'agent', '--config', this.configPath, ...flags]
    return this.settings.place.spawn(argv, { env })
  }

  get pid(): number {
    return this.#process.pid
  }

  get running(): boolean {
    return this.#process.running
  }

  /** Log lines (pino), parsed, oldest first. */
  get log(): readonly Line[] {
    return this.#process.lines
  }

  /** All that it printed, for the message of a failed test. */
  get output(): string {
    return this.#process.stdout + this.#process.stderr
  }

  get exited(): Promise<Exit> {
    return this.#process.exited
  }

  /** A log line, past or future. @throws after `timeoutMs`. */
  waitForLog(matches: (line: Line) => boolean, timeoutMs = PATIENCE): Promise<Line> {
    return this.#process.waitFor(matches, timeoutMs)
  }

  /** Asks the control socket itself, without a process: fast enough to poll. Undefined: nobody answers. */
  report(): Promise<Report | undefined> {
    return new Promise((resolve) => {
      const asked = request(
        { socketPath: this.controlSocket, path: '/status', timeout: PATIENCE / 6 },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => {
            text += part
          })
          response.on('end', () =>
            resolve(response.statusCode === 200 ? (JSON.parse(text) as Report) : undefined)
          )
        }
      )
      asked.on('timeout', () => asked.destroy())
      asked.on('error', () => resolve(undefined))
      asked.end()
    })
  }

  /** Polls `report` until it satisfies. @throws after `timeoutMs`, with the last report and the log. */
  async until(satisfied: (report: Report) => boolean, timeoutMs = PATIENCE): Promise<Report> {
    const end = Date.now() + timeoutMs
    for (;;) {
      const report = await this.report()
      if (report !== undefined && satisfied(report)) return report
      if (Date.now() > end || !this.running) {
        const seen = JSON.stringify(report, undefined, 1) ?? 'no answer'
        throw new Error(
          `agent: not so within ${timeoutMs} ms (running: ${this.running})\n${seen}\n${this.output}`
        )
      }
      await sleep(10)
    }
  }

  untilReady(timeoutMs = PATIENCE): Promise<Report> {
    return this.until(({ agent }) => agent.ready === true, timeoutMs)
  }

  /** Waits until the pod is in one of these states ("enrolled" also stands for "verified"). */
  untilPod(
    pod: { readonly uid: string },
    states: string | readonly string[],
    timeoutMs = PATIENCE
  ): Promise<Report> {
    const wanted = new Set(typeof states === 'string' ? [states] : states)
    if (wanted.has('enrolled')) wanted.add('verified')
    return this.until(
      ({ pods }) => wanted.has(pods.find(({ uid }) => uid === pod.uid)?.state ?? 'none'),
      timeoutMs
    )
  }

  /** `sluice <args>` with this agent's configuration. */
  cli(...args: readonly string[]): Promise<Finished> {
    return run([SLUICE, ...args, '--config', this.configPath])
  }

  /** What `sluice status --json` prints, with or without a running agent. */
  async status(): Promise<Report> {
    const { stdout, stderr, code } = await this.cli('status', '--json')
    if (stdout === '') throw new Error(`sluice status: exit ${code}: ${stderr}`)
    return JSON.parse(stdout) as Report
  }

  stop(): Promise<Exit> {
    return this.#process.stop()
  }

  kill9(): Promise<Exit> {
    return this.#process.stop('SIGKILL')
  }

  /** SIGSTOP: the agent is there and does nothing. */
  pause(): void {
    this.#process.signal('SIGSTOP')
  }

  resume(): void {
    this.#process.signal('SIGCONT')
  }

  /** Starts it again, with the same configuration and pins, after `stop` or `kill9`. */
  async restart(): Promise<void> {
    if (this.running) await this.stop()
    this.#process = this.#spawn()
    if (this.options.ready !== false) await this.untilReady()
  }
}
