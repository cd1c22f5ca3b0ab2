// SPDX-License-Identifier: Apache-2.0
// The source over a real directory. Times are only upper bounds of waiting.
import { mkdtempSync } from 'node:fs'
import { mkdir, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Subscription } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { manifestSource } from '../../../sources/manifest/manifest.ts'
import type { SourceEvent } from '../../../sources/source.ts'
import { namespaceYaml, podYaml } from './texts.ts'

let base: string
let directory: string
let told: string[]
let failure: unknown
let subscription: Subscription | undefined

const cart = (uid: string, annotations = {}) => podYaml({ name: `cart-${uid}`, uid, annotations })
const put = (name: string, text: string) => writeFile(join(directory, name), text)

function short(event: SourceEvent): string {
  if (event.kind === 'pod') return `pod ${event.pod.uid} ${event.pod.annotations.a ?? ''}`.trimEnd()
  if (event.kind === 'pod-gone') return `gone ${event.uid}`
  if (event.kind === 'namespace') return `namespace ${event.namespace.name}`
  if (event.kind === 'namespace-gone') return `namespace-gone ${event.name}`
  if (event.kind === 'problem')
    return `problem ${event.error.code} ${event.error.message.replaceAll(base, '')}`
  return event.kind === 'mended' ? `mended ${event.origin.replace(base, '')}` : event.kind
}

/** Follows the directory until `synced`; what came before is returned. */
async function start(path = directory): Promise<string[]> {
  told = []
  subscription = manifestSource(path).events$.subscribe({
    next: (event) => told.push(short(event)),
    error: (error: unknown) => {
      failure = error
    }
  })
  await vi.waitFor(() => expect(failure === undefined ? told : ['synced']).toContain('synced'), {
    timeout: 30_000,
    interval: 2
  })
  return told.splice(0)
}

const expectTold = (...events: string[]) =>
  vi.waitFor(() => expect(told).toEqual(events), { timeout: 30_000, interval: 2 })

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'sluice-manifest-'))
  directory = join(base, 'pods')
  failure = undefined
  await mkdir(directory)
})
afterEach(async () => {
  subscription?.unsubscribe()
  await rm(base, { recursive: true, force: true })
})

describe('the manifest source', () => {
  it('tells what there is, then synced', async () => {
    await put('b.yaml', cart('b'))
    await put('a.yml', `${namespaceYaml('shop')}---\n${cart('a')}`)
    await put('c.json', JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'c', uid: 'c' } }))
    await put('.d.yaml', cart('d'))
    await put('e.txt', cart('e'))
    await mkdir(join(directory, 'f.yaml'))
    expect(await start()).toEqual(['namespace shop', 'pod a', 'pod b', 'pod c', 'synced'])
  })

  it('is synced with an empty directory', async () => {
    expect(await start()).toEqual(['synced'])
  })

  it('is synced with a broken file, told as a problem', async () => {
    await put('a.yaml', 'kind: {')
    await put('b.yaml', cart('b'))
    const events = await start()
    expect(events).toEqual(['pod b', expect.stringContaining('/pods/a.yaml: line 1, column 8'), 'synced'])
  })

  it('follows files written, changed, renamed and removed', async () => {
    await start()
    await put('a.yaml', cart('a'))
    await expectTold('pod a')
    await put('.new', cart('a', { a: 'x' }))
    await rename(join(directory, '.new'), join(directory, 'a.yaml'))
    await expectTold('pod a', 'pod a x')
    await put('a.yaml', cart('a', { a: 'y' }))
    await expectTold('pod a', 'pod a x', 'pod a y')
    await unlink(join(directory, 'a.yaml'))
    await expectTold('pod a', 'pod a x', 'pod a y', 'gone a')
  })

  it('keeps what a broken file said, names the line, and tells when it is mended', async () => {
    await put('a.yaml', cart('a'))
    await start()
    await put('a.yaml', `${cart('a')}oops: [\n`)
    await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 30_000 })
    expect(told.splice(0)[0]).toMatch(
      /^problem SLUICE_ERR_MANIFEST_SYNTAX \/pods\/a\.yaml: line \d+, column \d+ is not YAML: /
    )
    await put('a.yaml', cart('a', { a: 'z' }))
    await expectTold('pod a z', 'mended /pods/a.yaml')
  })

  it('never shows a file that is written slowly before it is whole', async () => {
    const whole = `${cart('a', { a: 'x' })}---\n${cart('b', { a: 'x' })}`
    await put('a.yaml', whole)
    await start()
    await truncate(join(directory, 'a.yaml'))
    const next = whole.replaceAll('"x"', '"y"')
    for (let at = 0; at < next.length; at += 40) {
      await writeFile(join(directory, 'a.yaml'), next.slice(at, at + 40), { flag: 'a' })
      await sleep(4)
    }
    await vi.waitFor(() => expect(told).toContain('pod b y'), { timeout: 30_000 })
    await sleep(100)
    expect(told.filter((event) => !['pod a y', 'pod b y'].includes(event))).toEqual([])
  })

  it('lets an editor remove a file and write it again', async () => {
    await put('a.yaml', cart('a'))
    await start()
    await rename(join(directory, 'a.yaml'), join(directory, 'a.yaml~'))
    await sleep(5)
    await put('a.yaml', cart('a', { a: 'x' }))
    await expectTold('pod a x')
  })

  it('follows the swap of ..data in a volume, as one change', async () => {
    await mkdir(join(directory, '..1'))
    await put('..1/a.yaml', cart('a'))
    await put('..1/b.yaml', cart('b'))
    await symlink('..1', join(directory, '..data'))
    await symlink('..data/a.yaml', join(directory, 'a.yaml'))
    await symlink('..data/b.yaml', join(directory, 'b.yaml'))
    expect(await start()).toEqual(['pod a', 'pod b', 'synced'])
    await mkdir(join(directory, '..2'))
    await put('..2/a.yaml', `${cart('b', { a: 'moved' })}---\n${cart('c')}`)
    await put('..2/b.yaml', cart('d'))
    await symlink('..2', join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    await expectTold('gone a', 'pod b moved', 'pod c', 'pod d')
  })

  it('follows a directory that is a symbolic link, swapped', async () => {
    await mkdir(join(base, 'two'))
    await writeFile(join(base, 'two/a.yaml'), cart('two'))
    await put('a.yaml', cart('one'))
    await symlink('pods', join(base, 'current'))
    expect(await start(join(base, 'current'))).toEqual(['pod one', 'synced'])
    await symlink('two', join(base, 'next'))
    await rename(join(base, 'next'), join(base, 'current'))
    await expectTold('gone one', 'pod two')
    await writeFile(join(base, 'two/b.yaml'), cart('three'))
    await expectTold('gone one', 'pod two', 'pod three')
  })

  it('follows a directory that is removed and made again', async () => {
    await put('a.yaml', cart('a'))
    await start()
    await rm(directory, { recursive: true })
    await expectTold('gone a')
    await mkdir(directory)
    await put('a.yaml', cart('a'))
    await expectTold('gone a', 'pod a')
  })

  it('tells that the directory cannot be listed, forgets nothing meanwhile, and follows it again', async () => {
    const link = join(base, 'link')
    const replace = (target: string) => symlink(target, `${link}.new`).then(() => rename(`${link}.new`, link))
    await replace('pods')
    await put('a.yaml', cart('a'))
    expect(await start(link)).toEqual(['pod a', 'synced'])
    await replace('link')
    await vi.waitFor(
      () =>
        expect(told).toContainEqual(expect.stringMatching(/^problem SLUICE_ERR_MANIFEST_DIRECTORY .*ELOOP/)),
      { timeout: 30_000 }
    )
    await put('b.yaml', cart('b'))
    await replace('pods')
    await vi.waitFor(() => expect(told).toEqual(expect.arrayContaining(['mended /link', 'pod b'])), {
      timeout: 30_000
    })
    expect(told).not.toContain('gone a')
  })

  it('tells a duplicate with both places, and takes it when the first is gone', async () => {
    await put('a.yaml', cart('a'))
    await start()
    await put('b.yaml', cart('a', { a: 'x' }))
    await expectTold(
      'problem SLUICE_ERR_MANIFEST_DUPLICATE /pods/b.yaml: pod shop/cart-a is defined in /pods/a.yaml already'
    )
    await unlink(join(directory, 'a.yaml'))
    await vi.waitFor(() => expect(told.slice(1)).toEqual(['pod a x', 'mended /pods/b.yaml']), {
      timeout: 30_000
    })
  })

  it.each([
    ['is not there', () => rm(directory, { recursive: true })],
    ['is a file', () => rm(directory, { recursive: true }).then(() => writeFile(directory, ''))]
  ])('fails with a remedy when the directory %s', async (_, prepare) => {
    await prepare()
    await start().catch(() => undefined)
    expect(failure).toMatchObject({
      code: 'SLUICE_ERR_MANIFEST_DIRECTORY',
      message: expect.stringContaining(directory),
      remedy: expect.stringContaining('manifest.directory')
    })
  })

  it('is silent once unsubscribed', async () => {
    await start()
    await put('a.yaml', cart('a'))
    subscription?.unsubscribe()
    await put('b.yaml', cart('b'))
    await sleep(120)
    expect(told).toEqual([])
  })
})
