// SPDX-License-Identifier: Apache-2.0
// OCI images without an engine: one layer, packed as an archive that `ctr images import` reads.
// https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md

import { createHash } from 'node:crypto'
import { type TarEntry, tar } from './tar.ts'

export interface Image {
  /** "sluice.test/app:1". */
  readonly name: string
  readonly entrypoint: readonly string[]
  readonly files: readonly TarEntry[]
}

/** As images name it. */
export const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

interface Blob {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly content: Buffer
}

function blob(kind: string, content: Buffer): Blob {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  return { mediaType: `application/vnd.oci.image.${kind}`, digest, size: content.length, content }
}

function json(kind: string, value: object): Blob {
  return blob(`${kind}.v1+json`, Buffer.from(JSON.stringify(value)))
}

function described({ mediaType, digest, size }: Blob): Omit<Blob, 'content'> {
  return { mediaType, digest, size }
}

export function archive({ name, entrypoint, files }: Image): Buffer {
  const layer = blob('layer.v1.tar', tar(files))
  const config = json('config', {
    architecture: ARCHITECTURE,
    os: 'linux',
    config: { Entrypoint: entrypoint, Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [layer.digest] }
  })
  const manifest = json('manifest', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: described(config),
    layers: [described(layer)]
  })
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name }
  const index = { schemaVersion: 2, manifests: [{ ...described(manifest), annotations }] }
  const file = (path: string, content: Buffer): TarEntry => ({ path, kind: 'file', mode: 0o644, content })
  return tar([
    file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
    file('index.json', Buffer.from(JSON.stringify(index))),
    ...[layer, config, manifest].map(({ digest, content }) =>
      file(`blobs/${digest.replace(':', '/')}`, content)
    )
  ])
}
