// SPDX-License-Identifier: Apache-2.0
// notices.ts METAFILE NODE_LICENSE: prints the licence of every npm package in the bundle, then Node.js's own.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>
}

interface Manifest {
  name: string
  version: string
  license?: string
}

const [metafile, nodeLicense] = process.argv.slice(2)
if (metafile === undefined || nodeLicense === undefined)
  throw new Error('usage: notices.ts METAFILE NODE_LICENSE')

// The last node_modules/ in the path: a package may carry its own copy of another.
const packageFolder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/
const bundle = JSON.parse(readFileSync(metafile, 'utf8')) as Metafile
const folders = new Set<string>()
for (const output of Object.values(bundle.outputs)) {
  for (const input of Object.keys(output.inputs)) {
    const folder = packageFolder.exec(input)?.[0]
    if (folder !== undefined) folders.add(folder)
  }
}

const rule = '-'.repeat(80)
for (const folder of [...folders].sort()) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  console.log(`${rule}\n${manifest.name} ${manifest.version} (${manifest.license ?? 'no licence named'})\n`)
  for (const file of readdirSync(folder).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name))) {
    console.log(readFileSync(join(folder, file), 'utf8'))
  }
}
console.log(`${rule}\nNode.js ${process.version}\n`)
console.log(readFileSync(nodeLicense, 'utf8'))
