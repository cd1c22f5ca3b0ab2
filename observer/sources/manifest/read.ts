// SPDX-License-Identifier: Apache-2.0

import { type FileHandle, open, readdir, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../../errors/error.ts'
import { type Parsed, parseManifest } from './parse.ts'
import type { Content } from './trust.ts'

const MAX_BYTES = 16 * 1024 * 1024
const CHUNK_BYTES = 64 * 1024
const MAX_READINGS = 10

const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'EISDIR'])

/** `.yaml`, `.yml` and `.json`; hidden files are an editor's, or a volume's own. */
export function isManifestName(name: string): boolean {
  return /^[^.].*\.(?:yaml|yml|json)$/.test(name)
}

/**
 * Names of the manifests; none when there is no such directory.
 * @throws NodeJS.ErrnoException when it cannot be listed
 */
export async function listManifests(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter(isManifestName)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** What a reader finds under each of the names, in their order. */
export type ReadManifests = (names: readonly string[]) => Promise<readonly (Content | undefined)[]>

/**
 * Reads all of the names as they were at one time: again, when meanwhile the directory or a volume's `..data` was
 * made to lead elsewhere. One that is swapped at every reading is taken as it comes.
 */
export function manifestReader(directory: string): ReadManifests {
  const read = fileReader(directory)
  return async (names) => {
    for (let again = MAX_READINGS - 1; ; again--) {
      const before = await leadsTo(directory)
      const found = await Promise.all(names.map(read))
      if (again === 0 || (await leadsTo(directory)) === before) return found
    }
  }
}

/** Where the directory's symbolic links, and those of a volume in it, lead; what cannot be told is empty. */
async function leadsTo(directory: string): Promise<string> {
  const ends = await Promise.allSettled([realpath(directory), readlink(join(directory, '..data'))])
  return ends.map((end) => (end.status === 'fulfilled' ? end.value : '')).join('\0')
}

/** Reads and parses one file at a time, and parses again only what has changed. */
function fileReader(directory: string): (name: string) => Promise<Content | undefined> {
  const known = new Map<string, { text: string; parsed: Parsed }>()
  return async (name) => {
    const path = join(directory, name)
    try {
      const file = await contentOf(path)
      if (file === undefined) {
        known.delete(name)
        return undefined
      }
      const { text } = file
      const former = known.get(name)
      const parsed = former?.text === text ? former.parsed : parseManifest(path, text)
      known.set(name, { text, parsed })
      return { ...file, parsed }
    } catch (cause) {
      const error = new SluiceError('SLUICE_ERR_MANIFEST_FILE', { origin: path }, cause)
      const parsed = { objects: [], problems: [{ origin: path, error }], readable: false }
      return { text: error.message, inode: 0n, ageMs: 0, parsed }
    }
  }
}

/** Undefined: no such file, or a directory. */
async function contentOf(path: string): Promise<Omit<Content, 'parsed'> | undefined> {
  try {
    await using file = await open(path)
    const text = await textOf(file)
    // After the reading: a write meanwhile must make the content young.
    const { ino, mtimeMs } = await file.stat({ bigint: true })
    return { text, inode: ino, ageMs: Date.now() - Number(mtimeMs) }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ABSENT.has(String(error.code))
}

// readFile asks for the size first and reads until nothing comes: three ways to the thread pool instead of one.
async function textOf(file: FileHandle): Promise<string> {
  const chunks: Buffer[] = []
  for (let size = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES)
    chunks.push(buffer.subarray(0, bytesRead))
    size += bytesRead
    if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES >> 20} MiB`)
    if (bytesRead < CHUNK_BYTES) return Buffer.concat(chunks).toString('utf8')
  }
}
