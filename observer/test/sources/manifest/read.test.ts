// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { manifestReader } from '../../../sources/manifest/read.ts'

const SIDES = ['left', 'right']
const NAMES = Array.from({ length: 8 }, (_, index) => `${index}.yaml`)

async function base(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'manifest-read-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

async function twoSides(path: string): Promise<void> {
  for (const side of SIDES) {
    await mkdir(join(path, side))
    for (const name of NAMES) await writeFile(join(path, side, name), side)
  }
}

async function lead(link: string, to: string): Promise<void> {
  await symlink(to, `${link}_tmp`)
  await rename(`${link}_tmp`, link)
}

it.each<[string, (path: string) => Promise<{ directory: string; link: string }>]>([
  [
    'a volume’s ..data',
    async (path) => {
      for (const name of NAMES) await symlink(`..data/${name}`, join(path, name))
      return { directory: path, link: join(path, '..data') }
    }
  ],
  ['the directory itself', async (path) => ({ directory: join(path, 'now'), link: join(path, 'now') })]
])('what is read is of one side, while %s is swapped', async (_, laid) => {
  const path = await base()
  await twoSides(path)
  const { directory, link } = await laid(path)
  const read = manifestReader(directory)
  const seen = new Set<string>()
  for (let swap = 0; swap < 200; swap++) {
    await lead(link, SIDES[0] as string)
    const [found] = await Promise.all([read(NAMES), lead(link, SIDES[1] as string)])
    seen.add([...new Set(found.map((content) => content?.text))].join())
  }
  expect([...seen].filter((side) => !SIDES.includes(side))).toEqual([])
})

it('a link that is swapped all the time is read as it comes', async () => {
  const path = await base()
  await twoSides(path)
  const link = join(path, 'now')
  await lead(link, 'left')
  const read = manifestReader(link)
  let done = false
  const swapping = (async () => {
    for (let swap = 0; !done; swap++) await lead(link, SIDES[swap % 2] as string)
  })()
  const found = await read(NAMES)
  done = true
  await swapping
  expect(found.map((content) => SIDES.includes(content?.text ?? ''))).toEqual(NAMES.map(() => true))
})
