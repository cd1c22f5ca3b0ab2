// SPDX-License-Identifier: Apache-2.0
// pack.ts ROOTFS ARCHIVE: packs a root file system as an OCI image archive of one layer. The same files give the same
// digest: names are sorted, owners root's, times SOURCE_DATE_EPOCH (1970 unless set).
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import sluice from '../../package.json' with { type: 'json' }

const [rootfs, archive] = process.argv.slice(2)
if (rootfs === undefined || archive === undefined) throw new Error('usage: pack.ts ROOTFS ARCHIVE')

const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? 0)
const architecture = process.arch === 'x64' ? 'amd64' : process.arch
const OCI = 'application/vnd.oci.image'
const GIGABYTE = 2 ** 30

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

mkdirSync(dirname(archive), { recursive: true })
const layout = mkdtempSync(`${archive}.`)
try {
  const manifest = pack(rootfs)
  const packed = join(layout, 'archive.tar')
  writeFileSync(packed, tar(layout, 'blobs', 'index.json', 'oci-layout'))
  renameSync(packed, archive)
  console.log(`${archive}: ${manifest}`)
} finally {
  rmSync(layout, { recursive: true })
}

/** Fills the layout. @returns the digest of the manifest, by which an image is known */
function pack(directory: string): string {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const files = tar(directory, '.')
  const layer = blob(`${OCI}.layer.v1.tar+gzip`, gzipSync(files))
  const config = json(`${OCI}.config.v1+json`, {
    created: new Date(epoch * 1000).toISOString(),
    architecture,
    os: 'linux',
    config: {
      User: '0:0',
      Env: ['PATH=/usr/local/bin'],
      Entrypoint: ['/usr/local/bin/sluice'],
      Cmd: ['agent'],
      Labels: {
        'org.opencontainers.image.title': sluice.name,
        'org.opencontainers.image.description': sluice.description,
        'org.opencontainers.image.version': sluice.version,
        'org.opencontainers.image.licenses': `${sluice.license} AND (GPL-2.0-only OR BSD-2-Clause)`
      }
    },
    rootfs: { type: 'layers', diff_ids: [digestOf(files)] },
    history: [{ created: new Date(epoch * 1000).toISOString(), created_by: 'make image' }]
  })
  const mediaType = `${OCI}.manifest.v1+json`
  const manifest = json(mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] })
  const annotations = {
    // containerd takes the first as the name; the second is the tag for everybody else.
    'io.containerd.image.name': `docker.io/library/${sluice.name}:${sluice.version}`,
    'org.opencontainers.image.ref.name': sluice.version
  }
  const entry = { ...manifest, platform: { os: 'linux', architecture }, annotations }
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [entry] }
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index))
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  return manifest.digest
}

function json(mediaType: string, content: unknown): Descriptor {
  return blob(mediaType, Buffer.from(JSON.stringify(content)))
}

function blob(mediaType: string, content: Buffer): Descriptor {
  const digest = digestOf(content)
  writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), content)
  return { mediaType, digest, size: content.length }
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

function tar(directory: string, ...names: string[]): Buffer {
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`]
  const args = ['--create', '--format=ustar', ...same, '--directory', directory, ...names]
  return execFileSync('tar', args, { maxBuffer: GIGABYTE })
}
