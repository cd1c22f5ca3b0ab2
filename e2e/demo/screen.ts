// SPDX-License-Identifier: Apache-2.0
import Table from 'cli-table3'

const BOLD = 1
const DIM = 2
const RED = 31
const GREEN = 32
const CYAN = 36
const WIDTH = 100

export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #colours: boolean

  constructor(out: NodeJS.WriteStream, env: Readonly<Record<string, string | undefined>>) {
    this.#out = out
    this.#colours = out.isTTY === true && !env.NO_COLOR
  }

  #paint(colour: number, text: string): string {
    return this.#colours ? `\x1b[${colour}m${text}\x1b[0m` : text
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`)
  }

  title(text: string): void {
    this.line(`\n${this.#paint(BOLD, text)}`)
  }

  words(text: string): void {
    for (const line of wrapped(text, WIDTH - 2)) this.line(`  ${line}`)
  }

  /** What somebody would type, and what it changes: lines of a diff. */
  command(command: string, diff: readonly string[] = []): void {
    this.line(`\n  ${this.#paint(CYAN, `$ ${command}`)}`)
    for (const line of diff) this.line(`    ${this.#paint(line.startsWith('+') ? GREEN : RED, line)}`)
    this.line()
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
    for (const row of rows) table.push([...row])
    for (const line of table.toString().split('\n')) this.line(`  ${line}`)
  }

  verdict(isTrue: boolean): string {
    return isTrue ? this.#paint(GREEN, 'ok') : this.#paint(RED, 'NOT TRUE')
  }

  aside(text: string): void {
    for (const line of wrapped(text, WIDTH - 2)) this.line(`  ${this.#paint(DIM, line)}`)
  }

  end(good: boolean, text: string): void {
    this.line(`\n${this.#paint(good ? GREEN : RED, text)}`)
  }
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
