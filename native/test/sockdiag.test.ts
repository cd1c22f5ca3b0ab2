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

/** "local remote port port" */
async function connectionsIn(netns: Netns): Promise<string[]> {
  const [bytes] = await netns.run([{ op: 'connections' }])
  const address = (record: Buffer, at: number) => {
    const mapped = record.readUInt16BE(at + 10) === 0xffff
    return mapped ? `::ffff:${record.subarray(at + 12, at + 16).join('.')}` : `::${record[at + 15]}`
  }
  return Array.from({ length: bytes.length / 36 }, (_, index) => {
    const record = Buffer.from(bytes.subarray(index * 36, index * 36 + 36))
    return `${address(record, 0)} ${address(record, 16)} ${record.readUInt16BE(32)} ${record.readUInt16BE(34)}`
  })
}

function reversed(connection: string): string {
  const [local, remote, port, remotePort] = connection.split(' ')
  return `${remote} ${local} ${remotePort} ${port}`
}

it('counts and lists connected sockets of both families by mark, not listeners, other marks and TIME_WAIT', async () => {
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
  const connections = await connectionsIn(netns)
  expect(connections).toHaveLength(16)
  expect(new Set(connections).size).toBe(16)
  for (const each of connections) expect(connections).toContain(reversed(each))
  expect(connections.filter((each) => each.startsWith('::ffff:127.0.0.1 '))).toHaveLength(10)
  expect(connections.filter((each) => each.startsWith('::1 '))).toHaveLength(6)
  sockets.stdin.write('close\n')
  expect(await answer(sockets)).toBe('closed')
  expect(await count(0x51c, 0xfff)).toBe(3)
  expect(await connectionsIn(netns)).toHaveLength(6)
})
