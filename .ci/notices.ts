// SPDX-License-Identifier: Apache-2.0
// notices.ts METAFILE NODE_LICENSE: prints the licence of every npm package in the bundle, then Node.js's own.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledPackages } from './bundled.ts'

interface Manifest {
  name: string
  version: string
  license?: string
}

const [metafile, nodeLicense] = process.argv.slice(2)
if (metafile === undefined || nodeLicense === undefined)
  throw new Error('usage: notices.ts METAFILE NODE_LICENSE')

const rule = '-'.repeat(80)
for (const folder of bundledPackages(readFileSync(metafile, 'utf8'))) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  console.log(`${rule}\n${manifest.name} ${manifest.version} (${manifest.license ?? 'no licence named'})\n`)
  for (const file of readdirSync(folder).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name))) {
    console.log(readFileSync(join(folder, file), 'utf8'))
  }
}
console.log(`${rule}\nNode.js ${process.version}\n`)
console.log(readFileSync(nodeLicense, 'utf8'))
