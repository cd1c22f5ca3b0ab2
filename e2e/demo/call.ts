// SPDX-License-Identifier: Apache-2.0
// One connection, and what each of three observers tells of it.

import { type Connected, host, type Place, type Seen } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import type { Connection } from '../ztunnel/connection.ts'
import { within } from './patience.ts'
import type { Stage } from './stage.ts'

export const FAMILIES = ['ipv4', 'ipv6'] as const

/** ms to wait for a report that nobody should make. */
const UNEXPECTED = 100

export interface Call {
  readonly from: Pod
  /** What the application asked for. */
  readonly asked: string
  readonly application: Connected
  readonly ztunnel: readonly Connection[]
  readonly server: readonly Seen[]
}

export interface Caller {
  readonly from: Pod
  /** The container; default: the pod's first. */
  readonly inside?: Place
  readonly to: Pod
  readonly port: number
}

/** A connection of each family, one after the other. */
export async function callBoth(stage: Stage, caller: Caller): Promise<Call[]> {
  const calls: Call[] = []
  for (const family of FAMILIES) calls.push(await call(stage, caller, family))
  return calls
}

async function call(
  { ztunnel, server, sockets }: Stage,
  { from, inside = from, to, port }: Caller,
  family: (typeof FAMILIES)[number]
): Promise<Call> {
  const opened = ztunnel.opened().length
  const seen = server.seen.length
  const application = await inside.connect(to.address(family), port)
  if (application.ok && application.local) sockets.add(application.local)
  const serverTold = () => server.seen.length > seen
  const ztunnelTold = () => ztunnel.opened().length > opened
  // Who greeted has told of it; and a socket that is not the application's is ztunnel's.
  if (application.data) await within(serverTold)
  if (serverTold() && server.seen[seen]?.peer !== application.local) await within(ztunnelTold)
  else await within(() => ztunnelTold() && serverTold(), UNEXPECTED)
  const asked = family === 'ipv4' ? `${to.ipv4}:${port}` : `[${to.ipv6}]:${port}`
  return {
    from,
    asked,
    application,
    ztunnel: ztunnel.opened().slice(opened),
    server: server.seen.slice(seen)
  }
}

export const SAYS = {
  nothing: 'nothing',
  connected: 'connected to where it dialled',
  refused: 'ECONNREFUSED',
  intact: 'that socket, bound for where it dialled',
  ownSocket: 'the application’s own socket',
  otherSocket: 'the pod’s address, another socket'
} as const

/** Each observer's report in words, made from nothing but what it reported. */
export const told = {
  application: ({ asked, application: { ok, errno, peer } }: Call): string => {
    if (!ok) return errno ?? 'failed'
    return peer === asked ? SAYS.connected : `connected, getpeername() says ${peer}`
  },
  ztunnel: ({ asked, application, ztunnel }: Call): string => {
    const [first] = ztunnel
    if (first === undefined) return SAYS.nothing
    const intact = ztunnel.length === 1 && first.src === application.local && first.dst === asked
    return intact ? SAYS.intact : ztunnel.map(({ src, dst }) => `${src} -> ${dst}`).join(', ')
  },
  server: ({ from, application, server }: Call): string => {
    const [first] = server
    if (first === undefined) return SAYS.nothing
    if (server.length > 1) return server.map(({ peer }) => peer).join(', ')
    if (first.peer === application.local) return SAYS.ownSocket
    return [from.ipv4, from.ipv6].includes(host(first.peer)) ? SAYS.otherSocket : first.peer
  }
}

/** The words of both families: once when they agree. */
export function agreed(calls: readonly Call[], say: (call: Call) => string): string {
  const words = calls.map(say)
  if (new Set(words).size === 1) return words[0] ?? ''
  return FAMILIES.map((family, index) => `${family}: ${words[index]}`).join('; ')
}
