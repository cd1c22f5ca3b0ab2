// SPDX-License-Identifier: Apache-2.0
// The images of the tests: a pause container, an application (busybox, `dial` and `until`), the ztunnel.

import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { DIAL } from '../../world/place.ts'
import { run } from '../../world/running.ts'
import { STAND_IN } from '../../ztunnel/launch.ts'
import { PAUSE_IMAGE } from '../node/container-runtime.ts'
import { type ClusterState, within } from '../node/state.ts'
import { archive, type Image } from './image.ts'
import type { TarEntry } from './tar.ts'

const OWN_APP_IMAGE = 'sluice.test/app:1'
export const APP_IMAGE = process.env.TEST_APP_IMAGE || OWN_APP_IMAGE
export const ZTUNNEL_IMAGE = 'sluice.test/ztunnel:1'

const UNTIL = join(import.meta.dirname, '../../../build/e2e/until')

const DIRECTORIES = ['bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'usr', 'var']

function directory(path: string): TarEntry {
  return { path, kind: 'directory' }
}

async function file(path: string, from: string): Promise<TarEntry> {
  return { path, kind: 'file', content: await readFile(from) }
}

function find(program: string): string {
  const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, program))
  const found = places.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`no ${program}: run 'make setup-cluster'`)
  return found
}

async function busybox(): Promise<TarEntry[]> {
  const path = find('busybox')
  const applets = execFileSync(path, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean)
  const links = applets
    .filter((name) => name !== 'busybox')
    .map((name) => ({ path: `bin/${name}`, kind: 'link', target: 'busybox' }) as const)
  return [await file('bin/busybox', path), ...links]
}

/** The shared libraries that a program is linked with, where it looks for them; none for a static one. */
async function libraries(program: string): Promise<TarEntry[]> {
  const told = await run(['ldd', program])
  const paths = [...told.stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = '']) => path)
  return await Promise.all(paths.map((path) => file(path.slice(1), path)))
}

async function images(): Promise<Image[]> {
  const base = DIRECTORIES.map(directory)
  const dial = await file('bin/dial', DIAL)
  const until = await file('bin/until', UNTIL)
  const ztunnel = process.env.ZTUNNEL_BIN || STAND_IN
  const user: TarEntry = {
    path: 'etc/passwd',
    kind: 'file',
    mode: 0o644,
    content: Buffer.from('root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n')
  }
  return [
    { name: PAUSE_IMAGE, entrypoint: ['/bin/dial', 'pause'], files: [...base, dial] },
    {
      name: OWN_APP_IMAGE,
      entrypoint: ['/bin/sh'],
      files: [...base, user, dial, until, ...(await busybox())]
    },
    {
      name: ZTUNNEL_IMAGE,
      entrypoint: ['/bin/ztunnel'],
      files: [...base, await file('bin/ztunnel', ztunnel), ...(await libraries(ztunnel))]
    }
  ]
}

/** Writes the archives. @returns their paths. */
export async function ownImages(state: ClusterState): Promise<string[]> {
  await mkdir(within(state, 'images'), { recursive: true })
  const made = await images()
  return await Promise.all(
    made.map(async (image, index) => {
      const path = within(state, 'images', `${index}.tar`)
      await writeFile(path, archive(image))
      return path
    })
  )
}
