// SPDX-License-Identifier: Apache-2.0

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isAgentRunning, requestLogLevel, requestStatus } from '../../control/client.ts'
import { serveControl } from '../../control/server.ts'
import { report } from './report.ts'

let path = ''

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-control-'))
  path = join(directory, 'run', 'sluice.sock')
  return () => rmSync(directory, { recursive: true })
})

const setLogLevel = () => 'info'

async function serve(status = () => report, change: (level: string) => string = setLogLevel) {
  const server = await serveControl(path, { status, setLogLevel: change })
  onTestFinished(() => server.close())
  return server
}

describe('the control socket', () => {
  it('hands the report over, and only to its own user', async () => {
    await serve()
    expect(await requestStatus(path)).toEqual(report)
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
  })

  it('is gone after close, and closes with a client connected', async () => {
    const server = await serve()
    await requestStatus(path)
    await server.close()
    expect(existsSync(path)).toBe(false)
    expect(await isAgentRunning(path)).toBe(false)
  })

  it('of a running agent is not taken over', async () => {
    await serve()
    await expect(serveControl(path, { status: () => report, setLogLevel })).rejects.toMatchObject({
      code: 'SLUICE_ERR_CONTROL_BUSY',
      message: expect.stringContaining(path)
    })
    expect(await requestStatus(path)).toEqual(report)
  })

  it('of an agent that was killed is replaced', async () => {
    const script = `require('node:fs').mkdirSync(${JSON.stringify(join(path, '..'))});
      require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.send('listening'))`
    const file = join(path, '..', '..', 'dead.cjs')
    writeFileSync(file, script)
    const dead = fork(file)
    await once(dead, 'message')
    dead.kill('SIGKILL')
    await once(dead, 'exit')
    expect(existsSync(path)).toBe(true)
    expect(await isAgentRunning(path)).toBe(false)
    await serve()
    expect(await requestStatus(path)).toEqual(report)
  })

  it('does not replace a file that is something else', async () => {
    const server = await serve()
    await server.close()
    writeFileSync(path, 'precious')
    await expect(serveControl(path, { status: () => report, setLogLevel })).rejects.toMatchObject({
      code: 'SLUICE_ERR_CONTROL_SOCKET'
    })
    expect(statSync(path).size).toBe('precious'.length)
  })

  it.each([
    ['GET', '/', 404],
    ['POST', '/status', 405],
    ['GET', '/log-level', 405],
    ['PUT', '/log-level', 400]
  ])('answers %s %s with %i', async (method, url, expected) => {
    await serve()
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    request({ socketPath: path, method, path: url, agent: false }, (response) => {
      resolve(response.resume().statusCode)
    }).end()
    expect(await promise).toBe(expected)
  })

  it('changes the log level, and tells the former one', async () => {
    const levels = ['info']
    await serve(undefined, (level) => levels[levels.push(level) - 2] ?? '')
    expect(await requestLogLevel(path, 'debug')).toEqual({ former: 'info' })
    expect(await requestLogLevel(path, 'warn')).toEqual({ former: 'debug' })
  })

  it.each([
    ['{"level":"loud"}', 400],
    ['{"level":', 400],
    [JSON.stringify({ level: 'debug', more: 'x'.repeat(2000) }), 400]
  ])('refuses the log level %.20s', async (body, expected) => {
    const asked: string[] = []
    await serve(undefined, (level) => String(asked.push(level)))
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    const sent = request(
      { socketPath: path, method: 'PUT', path: '/log-level', agent: false },
      (response) => {
        resolve(response.resume().statusCode)
      }
    )
    sent.end(body)
    expect(await promise).toBe(expected)
    expect(asked).toEqual([])
  })

  it('says why there is no report', async () => {
    await serve(() => {
      throw new Error('still starting')
    })
    await expect(requestStatus(path)).rejects.toMatchObject({
      code: 'SLUICE_ERR_CONTROL_ANSWER',
      message: expect.stringContaining('still starting')
    })
  })
})

describe('a client', () => {
  const listen = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(join(path, '..', '..', 's'), resolve))
    onTestFinished(() => void server.close())
    return join(path, '..', '..', 's')
  }

  it('is told that no agent listens', async () => {
    await expect(requestStatus(path)).rejects.toMatchObject({ code: 'SLUICE_ERR_CONTROL_NO_AGENT' })
  })

  it('does not wait for ever, and takes a silent agent for a running one', async () => {
    const silent = await listen(createServer((socket) => onTestFinished(() => void socket.destroy())))
    await expect(requestStatus(silent, 50)).rejects.toMatchObject({
      code: 'SLUICE_ERR_CONTROL_ANSWER',
      message: expect.stringContaining('no answer within 50 ms')
    })
  })

  it.each([['{"version":1}'], ['not json']])('refuses an answer that is no report: %s', async (body) => {
    const other = await listen(
      createServer((socket) => {
        void text(socket).catch(() => '')
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      })
    )
    await expect(requestStatus(other)).rejects.toMatchObject({ code: 'SLUICE_ERR_CONTROL_ANSWER' })
    expect(await isAgentRunning(other)).toBe(true)
  })
})
