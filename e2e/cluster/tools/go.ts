// SPDX-License-Identifier: Apache-2.0
// A Go that is new enough for the module: one of this machine, or else the toolchain module of that version, which
// any Go can download from the module proxy that it is set to.

import { chmod, readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { must, run } from '../../world/running.ts'
import { MODULE, PROJECT } from './tools.ts'

const PLACES = ['/usr/local/go/bin', '/usr/lib/go/bin']
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

interface Go {
  readonly path: string
  readonly version: string
}

async function version(path: string): Promise<Go | undefined> {
  const told = await run([path, 'env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' }, cwd: '/' }).catch(
    () => undefined
  )
  const found = /^go(\d+\.\d+(\.\d+)?)/.exec(told?.stdout ?? '')
  return found?.[1] === undefined ? undefined : { path, version: found[1] }
}

/** Of two versions "1.25.0": whether the first is at least the second. */
export function reaches(version: string, wanted: string): boolean {
  const [mine, other] = [version, wanted].map((text) => text.split('.').map(Number))
  for (const [index, number] of (other ?? []).entries()) {
    const difference = (mine?.[index] ?? 0) - number
    if (difference !== 0) return difference > 0
  }
  return true
}

/** The version that go.mod asks for. */
async function wanted(): Promise<string> {
  const found = /^go (\S+)$/m.exec(await readFile(join(MODULE, 'go.mod'), 'utf8'))
  if (found?.[1] === undefined) throw new Error('go.mod has no line "go"')
  return found[1]
}

async function installed(): Promise<Go[]> {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...PLACES]
  const found = await Promise.all(directories.map((directory) => version(join(directory, 'go'))))
  return found.filter((go) => go !== undefined)
}

async function install(): Promise<Go[]> {
  await must([join(PROJECT, '.ci/install-packages'), join(PROJECT, '.ci/packages-go')])
  return await installed()
}

/** Path of a go command. @throws with the remedy when there is none at all. */
export async function findGo(tell: (text: string) => void): Promise<string> {
  const atLeast = await wanted()
  const there = await installed()
  const found = there.length > 0 ? there : await install()
  const fitting = found.find((go) => reaches(go.version, atLeast))
  if (fitting !== undefined) {
    tell(`Go ${fitting.version} of this machine: ${fitting.path}`)
    return fitting.path
  }
  const [any] = found
  if (any === undefined) throw new Error(`no Go: install Go ${atLeast} or newer and try again`)
  tell(`Go ${any.version} is older than ${atLeast}: ${any.path} downloads that toolchain's module`)
  return await download(any.path, atLeast)
}

async function download(go: string, wanted: string): Promise<string> {
  const module = `golang.org/toolchain@v0.0.1-go${wanted}.linux-${ARCHITECTURES[process.arch]}`
  const told = await run([go, 'mod', 'download', '-json', module], { cwd: '/', env: { GOFLAGS: '' } })
  const { Dir } = JSON.parse(told.stdout || '{}') as { Dir?: string }
  if (told.code !== 0 || Dir === undefined) throw new Error(`${module}: ${told.stdout}${told.stderr}`)
  // A module's files carry no mode; only a newer Go knows that these are programs.
  for (const directory of [join(Dir, 'bin'), join(Dir, 'pkg/tool', `linux_${ARCHITECTURES[process.arch]}`)])
    for (const name of await readdir(directory)) await chmod(join(directory, name), 0o755)
  return join(Dir, 'bin/go')
}
