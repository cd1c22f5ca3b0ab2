// SPDX-License-Identifier: Apache-2.0
// Somebody else who serves ztunnel on the node: all that Sluice and ztunnel see of istio-cni.

import { SeqpacketServer } from '#native'
import { until } from '../kube/until.ts'
import type { ClusterState } from '../node/state.ts'

type Connection = Parameters<Parameters<typeof SeqpacketServer.listen>[2]>[0]

export class Elsewhere {
  readonly #server: SeqpacketServer
  readonly #connections = new Set<Connection>()

  /** Listens where ztunnel looks. @throws when somebody does already */
  constructor({ holder }: ClusterState) {
    const path = `/proc/${holder}/root/run/ztunnel/ztunnel.sock`
    this.#server = SeqpacketServer.listen(path, {}, (connection) => {
      this.#connections.add(connection)
      connection.onClose = () => this.#connections.delete(connection)
    })
  }

  /** ztunnel is connected to nobody else. */
  get serves(): boolean {
    return this.#connections.size > 0
  }

  /** ztunnel dials, and stays: a connection that says nothing and ends is somebody who looks. */
  async untilServing(): Promise<void> {
    await until('ztunnel has dialled', () => this.serves)
  }

  close(): void {
    this.#server.close()
    for (const connection of this.#connections) connection.close()
    this.#connections.clear()
  }
}
