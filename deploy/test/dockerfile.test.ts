// SPDX-License-Identifier: Apache-2.0
// What can be said of the Dockerfile without an engine: it makes the image that `make image` packs.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const PROJECT = join(import.meta.dirname, '../..')

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-dockerfile-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Instruction {
  readonly name: string
  readonly value: string
}

/** One list of instructions for each stage. */
function stages(): Instruction[][] {
  const lines = readFileSync(join(PROJECT, 'Dockerfile'), 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line !== '')
  const found: Instruction[][] = []
  for (const line of lines) {
    const [, name = '', value = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
    if (name === 'FROM') found.push([])
    found.at(-1)?.push({ name, value })
  }
  return found
}

function valuesOf(stage: readonly Instruction[], name: string): string[] {
  return stage.filter((each) => each.name === name).map(({ value }) => value)
}

/** The configuration in the archive that pack.ts makes of a root file system. */
function packed(): unknown {
  const rootfs = join(directory, 'rootfs')
  const archive = join(directory, 'image.tar')
  mkdirSync(rootfs)
  execFileSync(process.execPath, [join(PROJECT, 'deploy/image/pack.ts'), rootfs, archive])
  const blob = <T>(digest: string) => JSON.parse(content(`blobs/${digest.replace(':', '/')}`)) as T
  const content = (path: string) =>
    execFileSync('tar', ['--extract', '--to-stdout', '--file', archive, path], { encoding: 'utf8' })
  const index = JSON.parse(content('index.json')) as { manifests: readonly [{ digest: string }] }
  const manifest = blob<{ config: { digest: string } }>(index.manifests[0].digest)
  return blob<{ config: unknown }>(manifest.config.digest).config
}

describe('the Dockerfile', () => {
  it('gives the image the configuration that `make image` gives it', () => {
    const stage = stages().at(-1) ?? []
    const [label = ''] = valuesOf(stage, 'LABEL')
    const [user] = valuesOf(stage, 'USER')
    const [entrypoint = ''] = valuesOf(stage, 'ENTRYPOINT')
    const [command = ''] = valuesOf(stage, 'CMD')
    expect({
      User: user,
      Env: valuesOf(stage, 'ENV'),
      Entrypoint: JSON.parse(entrypoint) as unknown,
      Cmd: JSON.parse(command) as unknown,
      Labels: Object.fromEntries([...label.matchAll(/(\S+?)="(.*?)"/g)].map(([, key, value]) => [key, value]))
    }).toEqual(packed())
  })

  it('puts nothing into the image but the root file system of `make rootfs`', () => {
    const [build = [], image = []] = stages()
    expect(valuesOf(build, 'RUN').at(-1)).toBe('make rootfs')
    expect(valuesOf(image, 'FROM')).toEqual(['scratch'])
    expect(valuesOf(image, 'COPY')).toEqual(['--from=build /src/build/image/rootfs/ /'])
    expect(image.filter(({ name }) => ['ADD', 'RUN'].includes(name))).toEqual([])
  })

  describe('on amd64', () => {
    beforeAll(() => writeFileSync(join(directory, 'dpkg'), '#!/bin/sh\necho amd64\n', { mode: 0o755 }))

    /** Runs the first step as an engine would for a platform. */
    function begin(target: string) {
      const [guard = ''] = valuesOf(stages()[0] ?? [], 'RUN')
      const env = { PATH: `${directory}:/usr/bin:/bin`, TARGETARCH: target }
      const { status, stderr } = spawnSync('/bin/sh', ['-c', guard], { env, encoding: 'utf8' })
      return { status, stderr }
    }

    it('refuses to build for arm64, before anything is downloaded', () => {
      expect(begin('arm64')).toEqual({
        status: 1,
        stderr: 'this base image is for amd64: it cannot make the image for arm64\n'
      })
    })

    it.each(['amd64', ''])('builds for TARGETARCH "%s"', (target) => {
      expect(begin(target)).toEqual({ status: 0, stderr: '' })
    })
  })
})
