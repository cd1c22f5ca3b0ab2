// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type MetricsHandlers, serveMetrics } from '../../metrics/server.ts'

const HANDLERS: MetricsHandlers = {
  metrics: async () => 'sluice_ready 1\n',
  contentType: 'text/plain; version=0.0.4',
  live: () => ({ heartbeat: undefined }),
  ready: () => ({ ztunnel: 'none is connected' })
}

async function serve(change: Partial<MetricsHandlers> = {}, host = '127.0.0.1') {
  const server = await serveMetrics({ host, port: 0 }, { ...HANDLERS, ...change })
  onTestFinished(() => server.close())
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://${server.address}${path}`, { method })
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text()
    }
  }
}

describe('the metrics server', () => {
  it.each([
    ['GET', '/metrics', 200, 'sluice_ready 1\n'],
    ['GET', '/metrics?name[]=x', 200, 'sluice_ready 1\n'],
    ['HEAD', '/metrics', 200, ''],
    ['GET', '/livez', 200, '[+]heartbeat ok\n'],
    ['GET', '/readyz', 500, '[-]ztunnel failed: none is connected\n'],
    ['POST', '/metrics', 405, 'there is only GET\n'],
    ['GET', '/', 404, 'there is only /metrics, /livez, /readyz\n'],
    ['GET', '/constructor', 404, 'there is only /metrics, /livez, /readyz\n']
  ])('answers %s %s with %i', async (method, path, status, text) => {
    const ask = await serve()
    expect(await ask(path, method)).toMatchObject({ status, text })
  })

  it('says what type its metrics are', async () => {
    const ask = await serve()
    expect(await ask('/metrics')).toMatchObject({ type: HANDLERS.contentType })
  })

  it.each(['/metrics', '/readyz'])('answers 500 when %s cannot be told, and goes on', async (path) => {
    const fail = () => {
      throw new Error('map is closed')
    }
    const ask = await serve({ metrics: async () => fail(), ready: fail })
    expect(await ask(path)).toMatchObject({ status: 500, text: 'map is closed\n' })
    expect(await ask('/livez')).toMatchObject({ status: 200 })
  })

  it('answers a probe whoever holds however many connections open', async () => {
    const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, HANDLERS)
    onTestFinished(() => server.close())
    const [host = '', port] = server.address.split(':')
    const idle = Array.from({ length: 100 }, () => connect(Number(port), host).on('error', () => undefined))
    await Promise.all(idle.map((socket) => once(socket, 'connect')))
    expect((await fetch(`http://${server.address}/livez`)).status).toBe(200)
    await expect.poll(() => idle.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(32)
  })

  it('listens on IPv6', async () => {
    const ask = await serve({}, '::1')
    expect(await ask('/livez')).toMatchObject({ status: 200 })
  })

  it('names the address that is taken', async () => {
    const first = await serveMetrics({ host: '127.0.0.1', port: 0 }, HANDLERS)
    onTestFinished(() => first.close())
    const port = Number(first.address.split(':')[1])
    await expect(serveMetrics({ host: '127.0.0.1', port }, HANDLERS)).rejects.toMatchObject({
      code: 'SLUICE_ERR_METRICS_LISTEN',
      message: expect.stringContaining(first.address)
    })
  })
})
