// SPDX-License-Identifier: Apache-2.0

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { causeText, SluiceError } from '../errors/error.ts'
import { type Health, healthText, isHealthy } from './health.ts'

export interface MetricsServer {
  /** As it was bound: `127.0.0.1:15014`. */
  readonly address: string
  close(): Promise<void>
}

export interface MetricsHandlers {
  readonly metrics: () => Promise<string>
  readonly contentType: string
  readonly live: () => Health
  readonly ready: () => Health
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

const MAX_CONNECTIONS = 32
const TIMEOUT_MS = 5000

/** As Kubernetes' own components answer a failing probe: kubectl shows the text of a 500, and of a 503 it does not. */
const UNHEALTHY = 500

/** @throws SluiceError SLUICE_ERR_METRICS_LISTEN */
export async function serveMetrics(
  { host, port }: ListenAddress,
  handlers: MetricsHandlers
): Promise<MetricsServer> {
  const options = { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, keepAliveTimeout: TIMEOUT_MS }
  const server = createServer(options, answering(handlers))
  limit(server)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
  } catch (error) {
    throw new SluiceError('SLUICE_ERR_METRICS_LISTEN', { address: addressText(host, port) }, error)
  }
  return {
    address: addressText(host, (server.address() as AddressInfo).port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** The oldest connection gives way: whoever holds many open must not keep the kubelet's probes out. */
function limit(server: Server): void {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    const [oldest] = open
    if (open.size <= MAX_CONNECTIONS || oldest === undefined) return
    open.delete(oldest)
    oldest.destroy()
  })
}

function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function answering({ metrics, contentType, live, ready }: MetricsHandlers): RequestListener {
  const probe = (health: () => Health) => async (response: ServerResponse) => {
    const found = health()
    end(response, isHealthy(found) ? 200 : UNHEALTHY, healthText(found))
  }
  const routes: Readonly<Record<string, (response: ServerResponse) => Promise<void>>> = {
    '/metrics': async (response) => end(response, 200, await metrics(), contentType),
    '/livez': probe(live),
    '/readyz': probe(ready)
  }
  return (request, response) => {
    const route = routes[request.url?.split('?')[0] ?? '']
    if (route === undefined) return end(response, 404, `there is only ${Object.keys(routes).join(', ')}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return end(response, 405, 'there is only GET\n')
    route(response).catch((error: unknown) => end(response, 500, `${causeText(error)}\n`))
  }
}

function end(response: ServerResponse, code: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'content-type': type }).end(text)
}
