// SPDX-License-Identifier: Apache-2.0
// Just enough of ustar (POSIX.1-1988) to make images: the same entries give the same bytes.

export interface TarEntry {
  /** Without a leading slash. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link'
  readonly mode?: number
  readonly content?: Buffer
  /** Of a symbolic link. */
  readonly target?: string
}

const BLOCK = 512
const KINDS = { file: '0', link: '2', directory: '5' } as const

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`
}

function header(entry: TarEntry): Buffer {
  if (Buffer.byteLength(entry.path) > 100) throw new Error(`${entry.path} is too long for a tar header`)
  const block = Buffer.alloc(BLOCK)
  block.write(entry.path, 0)
  block.write(octal(entry.mode ?? 0o755, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(entry.content?.length ?? 0, 12), 124)
  block.write(octal(0, 12), 136)
  block.write(' '.repeat(8), 148)
  block.write(KINDS[entry.kind], 156)
  block.write(entry.target ?? '', 157)
  block.write('ustar\u000000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const { content = Buffer.alloc(0) } = entry
    return [header(entry), content, Buffer.alloc(-content.length & (BLOCK - 1))]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}
