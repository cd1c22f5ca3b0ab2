// SPDX-License-Identifier: Apache-2.0
// `node e2e/cluster/tools/build.ts`: builds what the Go module names as its tools, unless it is built already.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findGo } from './go.ts'
import { MODULE, TOOLS } from './tools.ts'

const VERSIONED = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']

/** "v1.35.4", as go.mod requires it. */
async function kubernetesVersion(): Promise<string> {
  const found = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(await readFile(join(MODULE, 'go.mod'), 'utf8'))
  if (found?.[1] === undefined) throw new Error('go.mod does not require k8s.io/kubernetes')
  return found[1]
}

/** Kubernetes' own build tells the linker its version; without it a kubelet says that it is v0.0.0. */
function linkerFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.')
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor }
  const settings = VERSIONED.flatMap((name) =>
    Object.entries(values).map(([key, value]) => `-X ${name}.${key}=${value}`)
  )
  return ['-s', '-w', ...settings].join(' ')
}

function tell(text: string): void {
  process.stdout.write(`setup-cluster: ${text}\n`)
}

async function build(): Promise<void> {
  if (existsSync(TOOLS)) return tell(`built already: ${TOOLS}`)
  const go = await findGo(tell)
  const unfinished = `${TOOLS}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  tell('building Kubernetes and Helm, once; with two cores this takes a quarter of an hour')
  const flags = [
    '-mod=readonly',
    '-trimpath',
    '-buildvcs=false',
    '-ldflags',
    linkerFlags(await kubernetesVersion())
  ]
  const builder = spawn(go, ['build', ...flags, '-o', `${unfinished}/`, 'tool', './runc-without-limits'], {
    cwd: MODULE,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off' }
  })
  const [code] = (await once(builder, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`go build: exit ${code}`)
  await rename(unfinished, TOOLS)
  tell(`built: ${TOOLS}`)
}

await build()
