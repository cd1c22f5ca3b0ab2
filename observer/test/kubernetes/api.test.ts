// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firstValueFrom, lastValueFrom } from 'rxjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { HttpsApi } from '../../kubernetes/api.ts'
import { Credentials } from '../../kubernetes/credentials.ts'
import { answer, refuse } from './answers.ts'
import { ApiServer } from './api-server.ts'
import { Authority } from './authority.ts'
import { writeKubeconfig } from './objects.ts'

let directory = ''
let authority: Authority
let server: ApiServer
let credentials: Credentials | undefined

async function apiAs(user?: Readonly<Record<string, unknown>>): Promise<HttpsApi> {
  credentials = await Credentials.open(writeKubeconfig(directory, server.url, authority, user))
  return new HttpsApi(credentials)
}

const ask = (api: HttpsApi) => firstValueFrom(api.answer({ path: '/api/v1/pods/x' }))
const seen = () => server.seen.at(-1)

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-api-'))
  authority = new Authority(directory)
})

afterAll(() => rmSync(directory, { recursive: true }))

beforeEach(async () => {
  server = await ApiServer.start(authority)
  server.instead = (_, response) => {
    answer(response, 200, { kind: 'Pod' })
    return true
  }
})

afterEach(async () => {
  vi.unstubAllEnvs()
  credentials?.close()
  await server.stop()
})

describe('credentials', () => {
  it('are a token', async () => {
    expect(await ask(await apiAs())).toEqual({ kind: 'Pod' })
    expect(seen()?.authorization).toBe('Bearer secret')
  })

  it('are a certificate, which may be exchanged for another', async () => {
    const paths = { 'client-certificate': join(directory, 'me.crt'), 'client-key': join(directory, 'me.key') }
    const exchange = (name: string) => {
      const { cert, key } = authority.issue(name)
      writeFileSync(paths['client-certificate'], cert)
      writeFileSync(paths['client-key'], key)
    }
    exchange('first')
    const api = await apiAs(paths)
    await ask(api)
    expect(seen()?.client).toBe('first')
    exchange('second')
    await ask(api)
    expect(seen()?.client).toBe('second')
  })

  it('are read again when the server refuses them', async () => {
    const api = await apiAs({ token: 'old' })
    server.instead = ({ authorization }, response) => {
      if (authorization === 'Bearer new') answer(response, 200, {})
      else refuse(response, 401, 'Unauthorized')
      return true
    }
    writeKubeconfig(directory, server.url, authority, { token: 'new' })
    await expect(ask(api)).rejects.toMatchObject({ status: 401 })
    expect(await ask(api)).toEqual({})
  })

  it('of a token file are read again once a minute', async () => {
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, 'one')
    const api = await apiAs({ 'auth-provider': { name: 'tokenFile', config: { tokenFile } } })
    await ask(api)
    writeFileSync(tokenFile, 'two')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    await ask(api)
    vi.useRealTimers()
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(['Bearer one', 'Bearer two'])
  })

  it('come from the file that KUBECONFIG names, with the namespace of its context', async () => {
    vi.stubEnv('KUBECONFIG', writeKubeconfig(directory, server.url, authority))
    credentials = await Credentials.open(undefined)
    expect(credentials.server).toBe(server.url)
    expect(credentials.namespace).toBe('mesh')
  })

  it.each([
    ['there is nothing to read', {}, /not https/],
    ['the file is not there', { KUBECONFIG: '/none' }, /ENOENT/]
  ])('are an error when %s', async (_, env, message) => {
    vi.stubEnv('KUBECONFIG', '')
    vi.stubEnv('HOME', directory)
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    await expect(Credentials.open(undefined)).rejects.toMatchObject({
      code: 'SLUICE_ERR_KUBERNETES_CONFIG',
      message: expect.stringMatching(message)
    })
  })
})

describe('a request', () => {
  it('is not sent to a server of another authority', async () => {
    const other = new Authority(directory, 'other')
    credentials = await Credentials.open(writeKubeconfig(directory, server.url, other))
    await expect(ask(new HttpsApi(credentials))).rejects.toMatchObject({ status: 0 })
    expect(server.seen).toEqual([])
  })

  it('uses the connection of the one before', async () => {
    const api = await apiAs()
    for (let i = 0; i < 5; i++) await ask(api)
    expect(server.connections).toBe(1)
  })

  it('is told with the words of the server when it is refused', async () => {
    server.instead = (_, response) => {
      refuse(response, 409, 'Conflict', 'cart', { 'retry-after': '3' })
      return true
    }
    await expect(ask(await apiAs())).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      about: 'cart',
      message: 'Conflict it is',
      retryAfterMs: 3_000
    })
  })

  it('fails when a proxy answers with a page', async () => {
    server.instead = (_, response) => {
      response.writeHead(502).end('<html>')
      return true
    }
    await expect(ask(await apiAs())).rejects.toMatchObject({ status: 502, reason: undefined })
    server.instead = (_, response) => {
      response.writeHead(200).end('<html>')
      return true
    }
    await expect(ask(await apiAs())).rejects.toThrow(/JSON/)
  })

  it('ends with its subscription', async () => {
    const closed = new Promise<void>((resolve) => {
      server.instead = (_, response) => {
        response.on('close', resolve)
        response.writeHead(200).write('{')
        return true
      }
    })
    const subscription = (await apiAs())
      .answer({ path: '/api/v1/pods/x' })
      .subscribe({ error: () => undefined })
    await vi.waitFor(() => expect(server.seen).toHaveLength(1), { timeout: 30_000 })
    subscription.unsubscribe()
    await closed
  })
})

describe('a stream', () => {
  const parts = async () => {
    const told: unknown[] = []
    const api = await apiAs()
    await lastValueFrom(api.stream({ path: '/w' })).catch((error: unknown) =>
      told.push((error as Error).message)
    )
    return told
  }

  it('is told line by line, wherever its pieces end, and that it was opened', async () => {
    server.instead = (_, response) => {
      response.writeHead(200)
      response.write('{"a":"')
      setTimeout(() => response.end('ä"}\n{"b":2}\n'), 20)
      return true
    }
    const api = await apiAs()
    const told: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      api
        .stream({ path: '/w' })
        .subscribe({ next: (part) => told.push(part), complete: resolve, error: reject })
    })
    expect(told).toEqual([
      { kind: 'opened' },
      { kind: 'line', value: { a: 'ä' } },
      { kind: 'line', value: { b: 2 } }
    ])
  })

  it('that is cut fails', async () => {
    server.instead = (_, response) => {
      response.writeHead(200)
      response.write('{}\n')
      setTimeout(() => response.socket?.destroy(), 20)
      return true
    }
    expect(await parts()).toEqual([expect.stringMatching(/aborted|ECONNRESET/)])
  })
})
