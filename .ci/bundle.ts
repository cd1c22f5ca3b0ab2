// SPDX-License-Identifier: Apache-2.0
// Bundles the command, build/sluice.mjs, and beside it build/client-node.mjs, which is loaded only when pods come
// from an API server. build/bundle.json says what is in both.

import { writeFileSync } from 'node:fs'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

const CLIENT = '@kubernetes/client-node'
const CLIENT_FILE = './client-node.mjs'

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  metafile: true,
  logLevel: 'warning',
  legalComments: 'none',
  // Its modules instead of its CommonJS, of which everything would be kept.
  alias: { rxjs: './node_modules/rxjs/dist/esm/index.js' },
  // Some packages are CommonJS and call require().
  banner: {
    js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);"
  }
}

/** An import of node:http reads each of its exports, and the last of them load undici: an eighth of an agent's start. */
const httpAlone: Plugin = {
  name: 'http-alone',
  setup(bundle) {
    bundle.onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'builtin' } : undefined
    )
    bundle.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}')`
    }))
  }
}

const clientApart: Plugin = {
  name: 'client-apart',
  setup(bundle) {
    bundle.onResolve({ filter: new RegExp(`^${CLIENT}$`) }, () => ({ path: CLIENT_FILE, external: true }))
  }
}

/**
 * Of the client, what reads configurations: the generated classes of every Kubernetes object and the HTTP stack that
 * nobody calls would be 2 MB of code and 15 MiB of memory.
 */
const configurationOnly: Plugin = {
  name: 'configuration-only',
  setup(bundle) {
    bundle.onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    bundle.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {}' }))
    bundle.onResolve({ filter: /.*/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === 'resolved' || !(from.importer + path).includes(CLIENT)) return undefined
      const found = await bundle.resolve(path, { ...from, pluginData: 'resolved' })
      return found.path.includes(`node_modules/${CLIENT}/`) ? { ...found, sideEffects: false } : found
    })
  }
}

const bundles: readonly BuildOptions[] = [
  {
    entryPoints: ['observer/cli/main.ts'],
    outfile: 'build/sluice.mjs',
    sourcemap: 'linked',
    external: ['*.node'],
    plugins: [clientApart, httpAlone]
  },
  {
    stdin: { contents: `export { KubeConfig } from '${CLIENT}'`, resolveDir: '.' },
    outfile: `build/${CLIENT_FILE}`,
    plugins: [configurationOnly, httpAlone]
  }
]

const results = await Promise.all(bundles.map((bundle) => build({ ...common, ...bundle })))
const metafiles = results.flatMap(({ metafile }) => (metafile === undefined ? [] : [metafile]))
const metafile: Metafile = {
  inputs: Object.assign({}, ...metafiles.map(({ inputs }) => inputs)) as Metafile['inputs'],
  outputs: Object.assign({}, ...metafiles.map(({ outputs }) => outputs)) as Metafile['outputs']
}
writeFileSync('build/bundle.json', JSON.stringify(metafile))
