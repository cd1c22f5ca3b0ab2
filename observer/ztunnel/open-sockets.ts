// SPDX-License-Identifier: Apache-2.0
// Sockets that another process has open, by inode.

import { constants, fstatSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, duplicateFd, NativeError } from '#native'

/** Remembers the table of the process that was asked about last: many sockets are taken from one ztunnel. */
export class OpenSockets {
  readonly #proc: string
  #pid: number | undefined
  #table: ReadonlyMap<number, number> = new Map()

  constructor(proc = '/proc') {
    this.#proc = proc
  }

  /**
   * @returns the process's socket, the caller's from now on; undefined: it has none with that inode
   * @throws NativeError EDESCRIPTOR_PERMISSION, EDESCRIPTOR_UNSUPPORTED
   */
  async take(pid: number, inode: number): Promise<Descriptor | undefined> {
    const known = this.#pid === pid ? this.#duplicate(pid, inode) : undefined
    if (known !== undefined) return known
    this.#table = await tableOf(join(this.#proc, String(pid), 'fd'))
    this.#pid = pid
    return this.#duplicate(pid, inode)
  }

  /** The number may have become another file's since the table was read. */
  #duplicate(pid: number, inode: number): Descriptor | undefined {
    const fd = this.#table.get(inode)
    if (fd === undefined) return undefined
    try {
      const copy = duplicateFd(pid, fd)
      const { ino, mode } = fstatSync(copy.fd)
      if (ino === inode && (mode & S_IFMT) === S_IFSOCK) return copy
      copy.close()
    } catch (error) {
      if (!(error instanceof NativeError) || !error.code.endsWith('EDESCRIPTOR_GONE')) throw error
    }
    return undefined
  }
}

const { S_IFMT, S_IFSOCK } = constants

async function tableOf(directory: string): Promise<ReadonlyMap<number, number>> {
  const numbers = await readdir(directory).catch(() => [])
  const files = await Promise.all(
    numbers.map(async (number) => [number, await readlink(join(directory, number)).catch(() => '')] as const)
  )
  return new Map(
    files.flatMap(([number, file]) => {
      const inode = /^socket:\[(\d+)\]$/.exec(file)?.[1]
      return inode === undefined ? [] : [[Number(inode), Number(number)] as const]
    })
  )
}
