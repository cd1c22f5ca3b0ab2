// SPDX-License-Identifier: Apache-2.0
// A connection of a pod that is kept and spoken on ten times a second. The server must echo.

import type { Line, Running } from '../../world/running.ts'
import type { Pod } from '../kube/pod.ts'

const EXCHANGES = 5

export class Held {
  readonly #dial: Running

  private constructor(dial: Running) {
    this.#dial = dial
  }

  /** Resolves when the server has answered on it. */
  static async open(pod: Pod, address: string, port = 8080): Promise<Held> {
    const script = `dial connect ${address} ${port} --hold & read -r _; kill -TERM $!; wait $!`
    const held = new Held(pod.converse(['sh', '-c', script]))
    await held.#dial.waitForEvent('echo')
    return held
  }

  get #echoed(): number {
    return Number(this.#dial.lines.findLast(({ event }) => event === 'echo')?.echoed ?? 0)
  }

  /** Waits for further answers. @throws when it breaks first */
  async goesOn(): Promise<void> {
    const enough = this.#echoed + EXCHANGES
    const line = await this.#dial.waitFor(
      ({ event, echoed }) => event === 'broken' || (event === 'echo' && Number(echoed) > enough)
    )
    if (line.event === 'broken') throw new Error(`the connection broke: ${JSON.stringify(line)}`)
  }

  /** Ends it. @returns `{event: 'held'}`, or `broken` when somebody else had */
  async end(): Promise<Line> {
    this.#dial.write('\n')
    const { lines, stdout, stderr } = await this.#dial.finished()
    const last = lines.at(-1)
    if (last === undefined) throw new Error(`no line: ${stdout}${stderr}`)
    return last
  }
}
