// SPDX-License-Identifier: Apache-2.0

/** Text in pieces to its lines; a line that has no end yet waits for it. */
export class Lines {
  #rest = ''

  take(piece: string): string[] {
    const lines = piece.split('\n')
    const last = lines.pop() ?? ''
    if (lines.length === 0) {
      this.#rest += last
      return []
    }
    lines[0] = this.#rest + lines[0]
    this.#rest = last
    return lines.filter((line) => line !== '')
  }
}
