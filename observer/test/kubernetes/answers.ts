// SPDX-License-Identifier: Apache-2.0
// Objects and their addresses, and the words in which an API server answers.

import type { ServerResponse } from 'node:http'

export interface Stored {
  readonly metadata: {
    name: string
    namespace?: string
    uid: string
    resourceVersion?: string
    annotations?: Record<string, string>
    [field: string]: unknown
  }
  [field: string]: unknown
}

export function pathOf(collection: string, { metadata: { namespace, name } }: Stored): string {
  if (namespace === undefined) return `${collection}/${name}`
  return `${collection.replace(/[^/]+$/, '')}namespaces/${namespace}/${collection.split('/').at(-1)}/${name}`
}

export function collectionOf(path: string): string {
  return path.replace(/namespaces\/[^/]+\/([^/]+)\/[^/]+$/, '$1').replace(/(namespaces)\/[^/]+$/, '$1')
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  name?: string,
  headers: Record<string, string> = {}
): void {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    code,
    reason,
    message: `${reason} it is`,
    details: { name }
  }
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(status))
}

export function write(response: ServerResponse, event: unknown): void {
  response.write(`${JSON.stringify(event)}\n`)
}
