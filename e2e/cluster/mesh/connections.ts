// SPDX-License-Identifier: Apache-2.0
// What the ztunnel of the cluster says of the connections that it carries.

import type { V1PodList } from '@kubernetes/client-node'
import type { Line } from '../../world/running.ts'
import { type Connection, fromStandIn, fromZtunnel } from '../../ztunnel/connection.ts'
import type { Api } from '../kube/api.ts'
import { type Patience, until } from '../kube/until.ts'
import { MESH_NAMESPACE } from './ztunnel.ts'

type Wanted = Partial<Connection>

function matches(connection: Connection, wanted: Wanted): boolean {
  return Object.entries(wanted).every(([key, value]) => connection[key as keyof Connection] === value)
}

export class ZtunnelLog {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  async #names(): Promise<string[]> {
    const path = `/api/v1/namespaces/${MESH_NAMESPACE}/pods?labelSelector=app%3Dztunnel`
    const { items } = await this.#api.ask<V1PodList>('GET', path)
    return items.map(({ metadata }) => metadata?.name ?? '')
  }

  /** Of every node's ztunnel. */
  async text(): Promise<string> {
    const paths = (await this.#names()).map((name) => `/api/v1/namespaces/${MESH_NAMESPACE}/pods/${name}/log`)
    return (await Promise.all(paths.map((path) => this.#api.text('GET', path)))).join('\n')
  }

  /** Connections so far, a node's oldest first. */
  async connections(wanted: Wanted = { event: 'opened' }): Promise<Connection[]> {
    const lines = (await this.text()).split('\n').filter((line) => line.startsWith('{'))
    const parsed = lines.map((line) => JSON.parse(line) as Line)
    const told = parsed.map((line) => fromStandIn(line) ?? fromZtunnel(line))
    return told.filter((each) => each !== undefined).filter((each) => matches(each, wanted))
  }

  /** The connection, as soon as ztunnel has told of it. */
  async waitFor(wanted: Wanted, patience?: Patience): Promise<Connection> {
    const complete = { event: 'opened', ...wanted } as const
    const found = await until(
      `ztunnel carries ${JSON.stringify(complete)}`,
      () => this.connections(complete),
      (connections) => connections.length > 0,
      patience
    )
    return found[0] as Connection
  }
}
