// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Netns } from '../lib/netns.ts'
import { compile, World } from './netns-world.ts'

const directory = mkdtempSync(join(tmpdir(), 'sockdiag-'))
let world: World
let sockets: ChildProcessWithoutNullStreams | undefined

beforeEach(() => {
  world = new World()
})

afterEach(() => {
  sockets?.kill('SIGKILL')
  world.dispose()
  rmSync(directory, { recursive: true, force: true })
})

async function answer(child: ChildProcessWithoutNullStreams): Promise<string> {
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  return chunk.toString().trim()
}

it('counts connected sockets of both families by mark, not listeners, other marks and TIME_WAIT', async () => {
  const program = compile('sockdiag-sockets', directory)
  sockets = spawn('ip', ['netns', 'exec', world.name, program, '0x51c', '5', '3'])
  expect(await answer(sockets)).toBe('ready')
  using netns = Netns.open(world.path)
  const count = async (mark: number, mask: number): Promise<number> =>
    (await netns.run([{ op: 'count-sockets', mark, mask }]))[0]
  expect(await count(0x51c, 0xfff)).toBe(8)
  expect(await count(0x500, 0xf00)).toBe(8)
  expect(await count(0x51d, 0xfff)).toBe(0)
  expect(await count(0, 0xfff)).toBe(8)
  expect(await count(0, 0)).toBe(16)
  sockets.stdin.write('close\n')
  expect(await answer(sockets)).toBe('closed')
  expect(await count(0x51c, 0xfff)).toBe(3)
})
