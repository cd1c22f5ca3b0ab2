// SPDX-License-Identifier: Apache-2.0
// The kernel's own count of what it runs of the programs; it counts only while somebody wants to know.

import { join } from 'node:path'
import { Running } from '../world/running.ts'

const TOOL = join(import.meta.dirname, '../../build/e2e/programs')

export interface Runs {
  readonly runs: number
  readonly ns: number
}

export class Counted implements AsyncDisposable {
  readonly #tool: Running

  /** @param ids of the programs */
  constructor(ids: Iterable<number>) {
    this.#tool = new Running([TOOL, ...[...ids].map(String)])
  }

  /** By id; since each was loaded, as far as somebody wanted to know. */
  async now(): Promise<ReadonlyMap<number, Runs>> {
    const { lines } = this.#tool
    const before = lines.length
    this.#tool.write('\n')
    await this.#tool.waitFor((line) => line.event === 'told' && lines.indexOf(line) >= before)
    const told = lines.slice(before).filter(({ event }) => event === 'program')
    return new Map(told.map(({ id, runs, ns }) => [Number(id), { runs: Number(runs), ns: Number(ns) }]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tool.endInput()
    await this.#tool.exited
  }
}
