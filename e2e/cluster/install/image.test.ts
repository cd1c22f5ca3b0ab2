// SPDX-License-Identifier: Apache-2.0
// The image as `make image` packed it, and the root file system that it was packed from.

import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundledPackages } from '../../../.ci/bundled.ts'
import project from '../../../package.json' with { type: 'json' }
import { must, run } from '../../world/running.ts'
import { ARCHITECTURE } from '../images/image.ts'
import { PROJECT } from '../tools/tools.ts'

const IMAGE = join(PROJECT, 'build/image')
const ROOTFS = join(IMAGE, 'rootfs')
const ARCHIVE = join(IMAGE, `sluice-${project.version}-${ARCHITECTURE}.tar`)
const SLUICE = 'usr/local/lib/sluice'

interface Descriptor {
  readonly digest: string
  readonly size: number
  readonly platform?: unknown
  readonly annotations?: Readonly<Record<string, string>>
}

interface Sbom {
  readonly packages: readonly {
    readonly name: string
    readonly versionInfo: string
    readonly licenseDeclared: string
    readonly externalRefs: readonly { readonly referenceLocator: string }[]
  }[]
}

let layout: string
let files: string[]

beforeAll(async () => {
  if (!existsSync(ARCHIVE)) throw new Error(`${ARCHIVE} is not there: run 'make image'`)
  layout = mkdtempSync(join(tmpdir(), 'sluice-image-'))
  await must(['tar', '--extract', '--file', ARCHIVE, '--directory', layout])
  files = readdirSync(ROOTFS, { recursive: true, encoding: 'utf8' })
})
afterAll(() => rmSync(layout, { recursive: true, force: true }))

function blob({ digest, size }: Descriptor): Buffer {
  const content = readFileSync(join(layout, 'blobs', digest.replace(':', '/')))
  expect(`sha256:${createHash('sha256').update(content).digest('hex')}`).toBe(digest)
  expect(content.length).toBe(size)
  return content
}

function read<T>(descriptor: Descriptor): T {
  return JSON.parse(blob(descriptor).toString()) as T
}

function manifestOf(): { readonly config: Descriptor; readonly layers: readonly Descriptor[] } {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: readonly [Descriptor]
  }
  return read(index.manifests[0])
}

describe('the archive', () => {
  it('has blobs that are what their digests say, and the name that containerd gives the image', () => {
    const { config, layers } = manifestOf()
    expect(layers).toHaveLength(1)
    for (const layer of layers) blob(layer)
    expect(read(config)).toMatchObject({
      os: 'linux',
      architecture: ARCHITECTURE,
      config: { Entrypoint: ['/usr/local/bin/sluice'], Cmd: ['agent'], User: '0:0' }
    })
    const index = readFileSync(join(layout, 'index.json'), 'utf8')
    expect(index).toContain(`"io.containerd.image.name":"docker.io/library/sluice:${project.version}"`)
  })

  it('is the same, byte for byte, when it is packed again', async () => {
    const again = join(layout, 'again.tar')
    await must([process.execPath, join(PROJECT, 'deploy/image/pack.ts'), ROOTFS, again])
    const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
    expect(digest(again)).toBe(digest(ARCHIVE))
  })

  it('is no larger than docs/install.md says', () => {
    const told = /^(\d+) MiB compressed/m.exec(readFileSync(join(PROJECT, 'docs/install.md'), 'utf8'))?.[1]
    const [layer] = manifestOf().layers
    expect((layer?.size ?? Number.POSITIVE_INFINITY) / 2 ** 20).toBeLessThanOrEqual(Number(told) + 1)
  })
})

describe('the root file system', () => {
  it('runs the command with nothing but itself', async () => {
    const { stdout } = await must(['chroot', ROOTFS, '/usr/local/bin/sluice', '--version'])
    expect(stdout.trim()).toBe(project.version)
    const { code, stdout: help } = await run(['chroot', ROOTFS, '/usr/local/bin/sluice', 'agent', '--help'])
    expect(code).toBe(0)
    expect(help).toContain('--kubernetes.node-name')
  })

  it('has everything that an installation has', async () => {
    const listed = await must(['make', '--dry-run', '--always-make', '--directory', PROJECT, 'install'])
    const installed = [...listed.stdout.matchAll(/\bbuild\/([\w.-]+|kernel\/[\w.-]+\.o)(?= )/g)]
    const names = new Set(
      installed.map(([, name = '']) => name).filter((name) => /\.(mjs|node|o)$/.test(name))
    )
    expect(names.size).toBeGreaterThan(5)
    for (const name of names) expect(files).toContain(`${SLUICE}/${name}`)
  })

  it('has no shell, package manager, compiler or other command', () => {
    const programs = files.filter((path) => /(^|\/)s?bin\//.test(path))
    expect(programs).toEqual(['usr/local/bin/sluice'])
  })

  it('trusts no certificate but Debian’s', () => {
    const trusted = readFileSync(join(ROOTFS, 'etc/ssl/certs/ca-certificates.crt'), 'utf8')
    const certificates = trusted.match(/BEGIN CERTIFICATE/g) ?? []
    const debian = readdirSync('/usr/share/ca-certificates/mozilla')
    expect(certificates).toHaveLength(debian.length)
  })
})

describe('the SBOM', () => {
  const sbom = () => JSON.parse(readFileSync(join(ROOTFS, 'usr/share/doc/sluice.spdx.json'), 'utf8')) as Sbom

  it('names every npm package of the bundle, every Debian package and Node.js, with versions', () => {
    const named = sbom().packages.map(({ name }) => name)
    const npm = bundledPackages(readFileSync(join(PROJECT, 'build/bundle.json'), 'utf8'))
    const names = npm.map((folder) =>
      folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
    )
    const debian = readdirSync(join(ROOTFS, 'var/lib/dpkg/status.d'))
    expect(debian).toEqual(
      expect.arrayContaining(['ca-certificates', 'libbpf1', 'libc6', 'libelf1', 'zlib1g'])
    )
    expect(new Set(named)).toEqual(new Set(['sluice', 'node', ...names, ...debian]))
    for (const { name, versionInfo, externalRefs } of sbom().packages) {
      expect(versionInfo, name).toMatch(/\d/)
      expect(externalRefs[0]?.referenceLocator).toMatch(/^pkg:(npm|deb|generic)\//)
    }
  })

  it('has a licence for each package: its name, or the copyright file', () => {
    for (const { name, licenseDeclared } of sbom().packages) {
      if (licenseDeclared === 'NOASSERTION') expect(files).toContain(`usr/share/doc/${name}/copyright`)
    }
  })
})
