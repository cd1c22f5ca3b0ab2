// SPDX-License-Identifier: Apache-2.0
import { Running, run } from '../../world/running.ts'
import { type Tool, tool } from '../tools/tools.ts'

/** kubectl or helm against one cluster. */
export class CommandLine {
  readonly #program: string
  readonly #env: Record<string, string>

  constructor(program: Extract<Tool, 'kubectl' | 'helm'>, kubeconfig: string) {
    this.#program = tool(program)
    this.#env = { KUBECONFIG: kubeconfig }
  }

  /** Runs it to its end. @throws with what it printed when it fails; gives stdout. */
  async must(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await run([this.#program, ...args], { env: this.#env, input })
    if (code !== 0) throw new Error(`${this.#program} ${args.join(' ')}: exit ${code}: ${stderr}${stdout}`)
    return stdout
  }

  start(args: readonly string[]): Running {
    return new Running([this.#program, ...args], { env: this.#env })
  }
}
