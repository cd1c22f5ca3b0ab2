// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ListenOptions, SeqpacketConnection, SeqpacketServer } from '../lib/seqpacket.ts'
import { FD_NOISE, library, openFds, runProgram } from './netns-world.ts'
import { bytes, end, failure, Sockets } from './seqpacket-world.ts'

let sockets: Sockets

beforeEach(() => {
  sockets = new Sockets()
})
afterEach(() => sockets.dispose())

describe('the socket file', () => {
  it.each([
    [undefined, 0o000, 0o600],
    [0o666, 0o077, 0o666],
    [0o600, 0o777, 0o600]
  ])('has mode %o under umask %o: %o', (mode, umask, expected) => {
    const before = process.umask()
    const result = runProgram(`import { statSync } from 'node:fs'
      import { SeqpacketServer } from '${library('seqpacket')}'
      process.umask(${umask})
      SeqpacketServer.listen('${sockets.path}', { mode: ${mode} }, () => {})
      console.log((statSync('${sockets.path}').mode & 0o777).toString(8), process.umask() === ${umask})
      process.exit()`)
    expect(result.stdout).toBe(`${expected.toString(8)} true\n`)
    expect(process.umask()).toBe(before)
  })

  it('is replaced when a killed server left it, and removed by close', async () => {
    const program = `import { SeqpacketServer } from '${library('seqpacket')}'
      SeqpacketServer.listen('${sockets.path}', {}, () => {})
      console.log('listening')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program])
    await once(child.stdout, 'data')
    expect(() => sockets.listen()).toThrow(failure('ESEQPACKET_LISTEN', { errno: 98 }))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(sockets.path)).toBe(true)
    const server = sockets.listen()
    sockets.connect().close()
    server.close()
    expect(existsSync(sockets.path)).toBe(false)
  })

  it("is left alone by close once it is another server's", () => {
    const server = sockets.listen()
    rmSync(sockets.path)
    sockets.listen()
    const inode = statSync(sockets.path).ino
    server.close()
    expect(statSync(sockets.path).ino).toBe(inode)
  })

  it('is not taken from a file or a stream server', async () => {
    writeFileSync(sockets.path, 'data')
    expect(() => sockets.listen()).toThrow(failure('ESEQPACKET_LISTEN', { errno: 17 }))
    expect(readFileSync(sockets.path, 'utf8')).toBe('data')
    rmSync(sockets.path)
    const stream = createServer().listen(sockets.path)
    await once(stream, 'listening')
    expect(() => sockets.listen()).toThrow(failure('ESEQPACKET_LISTEN', { errno: 98 }))
    stream.close()
  })

  it('needs a path that fits and a directory', () => {
    const listenAt = (path: string) => () => sockets.listen(undefined, {}, path)
    expect(listenAt(join(sockets.directory, 'x'.repeat(108)))).toThrow(
      failure('ESEQPACKET_LISTEN', { errno: 36 })
    )
    const nowhere = join(sockets.directory, 'none', 's')
    expect(listenAt(nowhere)).toThrow(failure('ESEQPACKET_LISTEN', { errno: 2, syscall: 'bind' }))
    expect(() => sockets.connect(nowhere)).toThrow(failure('ESEQPACKET_CONNECT', { errno: 2 }))
  })

  it.each([
    [7, {}],
    ['', {}],
    ['x', { mode: 0o1777 }],
    ['x', { backlog: 0 }],
    ['x', { maxMessageBytes: 'many' }]
  ])('refuses %j with %j', (wrong, options) => {
    expect(() => SeqpacketServer.listen(wrong as string, options as ListenOptions, () => {})).toThrow(
      failure('EINVALID_ARGUMENT')
    )
    expect(() => SeqpacketServer.listen(sockets.path, {}, 'x' as never)).toThrow(failure('EINVALID_ARGUMENT'))
    expect(existsSync(sockets.path)).toBe(false)
  })
})

describe('lifetime', () => {
  it('leaks no descriptor in 1,000 connections', async () => {
    let ended = 0
    sockets.listen((connection) => {
      connection.onClose = () => ended++
    })
    await sleep(20)
    const before = openFds()
    for (let i = 0; i < 1000; i++) {
      SeqpacketConnection.connect(sockets.path).close()
      if (i % 50 === 49) await sleep(1)
    }
    await expect.poll(() => ended).toBe(1000)
    await expect.poll(openFds).toBeLessThan(before + FD_NOISE)
  })

  it('refuses connections, and says so, while there are no file descriptors left', async () => {
    const program = `import { SeqpacketServer } from '${library('seqpacket')}'
      const report = (error) => { console.log(error.code, error.errno); process.exit() }
      SeqpacketServer.listen('${sockets.path}', { onError: report }, () => {})
      console.log('listening')`
    const shell = `ulimit -n 48; exec "$@"`
    const child = spawn('sh', ['-c', shell, 'sh', process.execPath, '--input-type=module', '-e', program])
    await once(child.stdout, 'data')
    const said = once(child.stdout, 'data') as Promise<[Buffer]>
    for (let i = 0; i < 40; i++) sockets.connect()
    const [line] = await said
    expect(line.toString()).toBe('SLUICE_NATIVE_ESEQPACKET_ACCEPT 24\n')
  })

  it('surfaces exceptions of each callback, and goes on', () => {
    const result = runProgram(`import { SeqpacketConnection, SeqpacketServer } from '${library('seqpacket')}'
      process.on('uncaughtException', (error) => console.log('uncaught', error.message))
      let count = 0
      const server = SeqpacketServer.listen('${sockets.path}', {}, (connection) => {
        if (count++ === 0) throw new Error('onConnection')
        connection.onMessage = () => { throw new Error('onMessage') }
        connection.onClose = () => { server.close(); throw new Error('onClose') }
      })
      const refused = SeqpacketConnection.connect('${sockets.path}')
      refused.onClose = () => {
        console.log('refused')
        const client = SeqpacketConnection.connect('${sockets.path}')
        client.send(new Uint8Array(1))
        client.send(new Uint8Array(1))
        setTimeout(() => client.close(), 50)
      }`)
    expect(result.stderr).toBe('')
    expect(result.stdout.trim().split('\n')).toEqual([
      'uncaught onConnection',
      'refused',
      'uncaught onMessage',
      'uncaught onMessage',
      'uncaught onClose'
    ])
    expect(result.status).toBe(0)
  })

  it('may be closed by its own callbacks', async () => {
    let connections = 0
    const server = sockets.listen((connection) => {
      connections++
      connection.onMessage = () => connection.close()
      server.close()
    })
    const [first, second] = [sockets.connect(), sockets.connect()]
    const ends = Promise.all([end(first), end(second)])
    first.send(bytes('one'))
    first.send(bytes('two'))
    await ends
    expect(connections).toBe(1)
  })

  it.each(['process.exit(4)', 'throw new Error("fatal")'])(
    'ends the process with everything open: %s',
    (last) => {
      const result =
        runProgram(`import { SeqpacketConnection, SeqpacketServer } from '${library('seqpacket')}'
      SeqpacketServer.listen('${sockets.path}', {}, (connection) => { setTimeout(() => { ${last} }, 10) })
      globalThis.client = SeqpacketConnection.connect('${sockets.path}')`)
      expect(result).toMatchObject({ signal: null, status: last.startsWith('throw') ? 1 : 4 })
    }
  )

  it('survives workers that are terminated with everything open', () => {
    const body = `import { parentPort } from 'node:worker_threads'
      import { SeqpacketConnection, SeqpacketServer } from '${library('seqpacket')}'
      SeqpacketServer.listen('${sockets.path}', {}, (connection) => {
        connection.onMessage = (data) => connection.send(data)
        parentPort.postMessage('connected')
      })
      const client = SeqpacketConnection.connect('${sockets.path}')
      client.onMessage = (data) => client.send(data)
      client.send(new Uint8Array(9))`
    const result = runProgram(`import { Worker } from 'node:worker_threads'
      import { existsSync } from 'node:fs'
      for (let i = 0; i < 10; i++) {
        const worker = new Worker(${JSON.stringify(body)}, { eval: true, execArgv: ['--input-type=module'] })
        await new Promise((resolve) => worker.on('message', resolve))
        await new Promise((resolve) => setTimeout(resolve, 3 * i))
        await worker.terminate()
      }
      console.log(existsSync('${sockets.path}'))`)
    expect(result).toMatchObject({ status: 0, stderr: '', stdout: 'false\n' })
  })
})
