// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach } from 'vitest'
import { type Family, Netns, type Route, type Rule } from '../lib/netns.ts'

export const PROTOCOL = 51
export const TABLE = 5151
export const SOURCE: Record<Family, string> = { ipv4: '10.77.0.1', ipv6: 'fd77::1' }
export const FAMILIES: Family[] = ['ipv4', 'ipv6']

export const lookup = (family: Family): Rule => ({
  family,
  priority: 1,
  mark: 0x51c,
  mask: 0xfff,
  table: TABLE,
  action: 'lookup',
  protocol: PROTOCOL
})
export const unreachable = (family: Family): Rule => ({
  family,
  priority: 2,
  mark: 0x51c,
  mask: 0xfff,
  action: 'unreachable',
  protocol: PROTOCOL
})
/** The route of a World's marked traffic. */
export const local = (family: Family): Route => ({
  family,
  table: TABLE,
  type: 'local',
  destination: 'default',
  source: SOURCE[family],
  interfaceName: 'lo',
  protocol: PROTOCOL
})

/** A network namespace with lo up, an address of each family on it, removed by `dispose`. */
export class World {
  readonly name = `nt${process.pid}-${randomBytes(3).toString('hex')}`
  readonly path = `/run/netns/${this.name}`

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name])
    this.ip('link set lo up')
    this.ip('addr add 10.77.0.1/32 dev lo')
    this.ip('-6 addr add fd77::1/128 dev lo nodad')
  }

  ip(command: string): string {
    return execFileSync('ip', ['-n', this.name, ...command.split(' ')], { encoding: 'utf8', stdio: 'pipe' })
  }

  exec(...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, ...command], { encoding: 'utf8' })
  }

  dispose(): void {
    spawnSync('ip', ['netns', 'del', this.name])
  }
}

/** Of the test that runs, in files that call `useWorld`. */
export let world: World
export let netns: Netns

/** Each test of the file gets a World of its own, open as `netns`. */
export function useWorld(): void {
  beforeEach(() => {
    world = new World()
    netns = Netns.open(world.path)
  })
  afterEach(() => {
    netns.close()
    world.dispose()
  })
}

export const openFds = (): number => readdirSync('/proc/self/fd').length

/** What the test runner itself opens and closes meanwhile; a leak of hundreds of cycles is far above. */
export const FD_NOISE = 10

/** The path of a module of lib/, for programs that run in processes of their own. */
export const library = (name: string): string => fileURLToPath(new URL(`../lib/${name}.ts`, import.meta.url))

/** Runs an ES module in a Node process of its own, through `wrapper` if one is given. */
export function runProgram(
  source: string,
  wrapper: readonly string[] = []
): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const [command, ...args] = [...wrapper, process.execPath, '--input-type=module', '-e', source]
  return spawnSync(command, args, { encoding: 'utf8', timeout: 55_000 })
}

/** Builds a C program that lies beside the tests, into `directory`. */
export function compile(name: string, directory: string): string {
  const program = join(directory, name)
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url))
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-o', program, source], { stdio: 'pipe' })
  return program
}

/** Builds a library of preload/ that stands before the C library's functions; its path is for LD_PRELOAD. */
export function compilePreload(name: string, directory: string): string {
  const shim = join(directory, `${name}.so`)
  const source = fileURLToPath(new URL(`./preload/${name}.c`, import.meta.url))
  execFileSync('gcc', ['-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-o', shim, source], {
    stdio: 'pipe'
  })
  return shim
}
