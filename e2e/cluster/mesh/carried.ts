// SPDX-License-Identifier: Apache-2.0
// Whether ztunnel carries a pod's connections: asked of the application, of ztunnel and of the API.

import { expect } from 'vitest'
import type { Pod } from '../kube/pod.ts'
import type { Patience } from '../kube/until.ts'
import type { ZtunnelLog } from './connections.ts'
import { endpoint, REDIRECTION } from './names.ts'
import type { Sluice } from './sluice.ts'

export class Carried {
  readonly #sluice: Sluice
  readonly #ztunnel: ZtunnelLog

  constructor({ sluice, ztunnel }: { readonly sluice: Sluice; readonly ztunnel: ZtunnelLog }) {
    this.#sluice = sluice
    this.#ztunnel = ztunnel
  }

  async redirection(pod: Pod): Promise<string | undefined> {
    return (await pod.object())?.metadata?.annotations?.[REDIRECTION]
  }

  async joined(pod: Pod, patience?: Patience): Promise<void> {
    await pod.until('joined', ({ metadata }) => metadata?.annotations?.[REDIRECTION] === 'enabled', patience)
  }

  async left(pod: Pod): Promise<void> {
    await pod.until('left', ({ metadata }) => metadata?.annotations?.[REDIRECTION] === undefined)
    await this.#sluice.untilPod(pod, ['outside'])
  }

  /** Dials a server, and finds the same connection, by its own port, in ztunnel's log. */
  async steered(pod: Pod, address: string): Promise<void> {
    const connected = await pod.connect(address, 8080)
    expect(connected).toMatchObject({ ok: true })
    const { local = '' } = connected
    await this.#ztunnel.waitFor({ direction: 'outbound', src: local ?? '', dst: endpoint(address, 8080) })
  }

  /** Dials a pod of the mesh, and finds the same connection in ztunnel's log on its way in. */
  async reached(client: Pod, address: string): Promise<void> {
    const connected = await client.connect(address, 8080)
    expect(connected).toMatchObject({ ok: true, ended: 'line' })
    const { local = '' } = connected
    await this.#ztunnel.waitFor({ direction: 'inbound', src: local ?? '', dst: endpoint(address, 8080) })
  }

  /** Dials a server, which sees the client's own port: nobody was between. */
  async plain(pod: Pod, address: string): Promise<void> {
    const connected = await pod.connect(address, 8080)
    expect(connected).toMatchObject({ ok: true })
    expect(connected.data).toContain(`peer=${connected.local} `)
  }
}
