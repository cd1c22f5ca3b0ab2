// SPDX-License-Identifier: Apache-2.0
// sbom.ts METAFILE ROOTFS: prints an SPDX 2.3 document of what is in the image: Sluice, Node.js, the npm packages that
// the bundle took in, and the Debian packages that rootfs.sh took libraries from.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledPackages } from '../../.ci/bundled.ts'

interface Package {
  readonly name: string
  readonly version: string
  readonly licence: string
  /** Package URL, by which scanners find known faults. */
  readonly purl: string
  /** sha512 of the archive from the registry, in hex. */
  readonly sha512?: string
}

interface Locked {
  readonly name?: string
  readonly version: string
  readonly license?: string
  readonly integrity?: string
}

const [metafile, rootfs] = process.argv.slice(2)
if (metafile === undefined || rootfs === undefined) throw new Error('usage: sbom.ts METAFILE ROOTFS')

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  readonly version: string
  readonly packages: Readonly<Record<string, Locked>>
}

const sluice: Package = {
  name: 'sluice',
  version: lock.version,
  licence: 'Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)',
  purl: `pkg:generic/sluice@${lock.version}`
}
const node: Package = {
  name: 'node',
  version: process.versions.node,
  licence: 'MIT',
  purl: `pkg:generic/node@${process.versions.node}`
}
const packages = [sluice, node, ...npmPackages(metafile), ...debianPackages(rootfs)]

function npmPackages(path: string): Package[] {
  return bundledPackages(readFileSync(path, 'utf8')).map((folder) => {
    const locked = lock.packages[folder]
    if (locked === undefined) throw new Error(`${folder} is in the bundle, but not in package-lock.json`)
    const { version, license = 'NOASSERTION', integrity } = locked
    const name = locked.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    const hash = integrity?.match(/^sha512-(\S+)/)?.[1]
    const described = { name, version, licence: license, purl }
    return hash === undefined
      ? described
      : { ...described, sha512: Buffer.from(hash, 'base64').toString('hex') }
  })
}

function debianPackages(root: string): Package[] {
  const release = fieldsOf(readFileSync(join(root, 'etc/os-release'), 'utf8'), '=')
  const id = release.get('ID') ?? 'debian'
  const directory = join(root, 'var/lib/dpkg/status.d')
  return readdirSync(directory)
    .sort()
    .map((name) => {
      const fields = fieldsOf(readFileSync(join(directory, name), 'utf8'), ': ')
      const version = fields.get('Version') ?? ''
      const architecture = fields.get('Architecture') ?? ''
      const distro = `${id}-${release.get('VERSION_ID')?.replaceAll('"', '') ?? ''}`
      const purl = `pkg:deb/${id}/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=${distro}`
      // Their copyright files, in /usr/share/doc, have no common machine-readable form.
      return { name, version, licence: 'NOASSERTION', purl }
    })
}

function fieldsOf(text: string, separator: string): Map<string, string> {
  const lines = text.split('\n').map((line) => [line, line.indexOf(separator)] as const)
  return new Map(
    lines.flatMap(([line, at]) => (at < 0 ? [] : [[line.slice(0, at), line.slice(at + separator.length)]]))
  )
}

const reference = ({ name, version }: Package) =>
  `SPDXRef-${`${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]/g, '-')}`

const created = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000)
const digest = createHash('sha256').update(JSON.stringify(packages)).digest('hex')

console.log(
  JSON.stringify(
    {
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: `sluice-${sluice.version}-${process.arch}`,
      documentNamespace: `https://spdx.org/spdxdocs/sluice-${sluice.version}-${digest}`,
      creationInfo: {
        created: created.toISOString().replace(/\.\d+Z$/, 'Z'),
        creators: [`Tool: sluice-sbom-${sluice.version}`]
      },
      packages: packages.map((each) => ({
        SPDXID: reference(each),
        name: each.name,
        versionInfo: each.version,
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: false,
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: each.licence,
        copyrightText: 'NOASSERTION',
        ...(each.sha512 === undefined
          ? {}
          : { checksums: [{ algorithm: 'SHA512', checksumValue: each.sha512 }] }),
        externalRefs: [
          { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: each.purl }
        ]
      })),
      relationships: [
        {
          spdxElementId: 'SPDXRef-DOCUMENT',
          relationshipType: 'DESCRIBES',
          relatedSpdxElement: reference(sluice)
        },
        ...packages.slice(1).map((each) => ({
          spdxElementId: reference(sluice),
          relationshipType: 'DEPENDS_ON',
          relatedSpdxElement: reference(each)
        }))
      ]
    },
    null,
    2
  )
)
