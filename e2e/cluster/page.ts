// SPDX-License-Identifier: Apache-2.0
// The commands of a page of the documentation, run as they are written there.

import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { type Finished, run } from '../world/running.ts'
import { PROJECT, tool } from './tools/tools.ts'

/** What a reader puts in place of a page's examples. */
export type Names = Readonly<Record<string, string>>

export class Page {
  readonly #text: string
  readonly #names: Names
  readonly #env: Record<string, string>

  /** @param path "docs/migrate.md" */
  constructor(path: string, names: Names, kubeconfig: string) {
    this.#text = readFileSync(join(PROJECT, path), 'utf8')
    this.#names = names
    const programs = [dirname(tool('kubectl')), process.env.PATH].join(delimiter)
    this.#env = { KUBECONFIG: kubeconfig, PATH: programs }
  }

  /** The block of commands below a heading. @param which counted from 0 @throws when there is none */
  block(heading: string, which = 0): string {
    const [, below = ''] = this.#text.split(new RegExp(`^#+ ${heading}$`, 'm'))
    const [section = ''] = below.split(/^#+ /m)
    const blocks = [...section.matchAll(/^```\n(.*?)^```$/gms)].map(([, block = '']) => block)
    const block = blocks[which]
    if (block === undefined) throw new Error(`${heading}: has no block of commands ${which}`)
    return Object.entries(this.#names).reduce((text, [from, to]) => text.replaceAll(from, to), block)
  }

  /** Runs a block. @throws when a command of it fails; gives what it printed */
  async follow(heading: string, which = 0): Promise<string> {
    const block = this.block(heading, which)
    const { code, stdout, stderr } = await this.run(block)
    if (code !== 0) throw new Error(`exit ${code}:\n${block}\n${stderr}${stdout}`)
    return stdout
  }

  run(commands: string): Promise<Finished> {
    return run(['bash', '-euo', 'pipefail', '-c', commands], { env: this.#env, cwd: PROJECT })
  }
}
