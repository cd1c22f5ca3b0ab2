// SPDX-License-Identifier: Apache-2.0
import { agreed, type Call, SAYS, told } from './call.ts'
import type { Claim } from './scene.ts'
import type { Screen } from './screen.ts'

type Expected = Readonly<Record<keyof typeof told, string>>

const PLAIN: Expected = { application: SAYS.connected, ztunnel: SAYS.nothing, server: SAYS.ownSocket }
const STEERED: Expected = { application: SAYS.connected, ztunnel: SAYS.intact, server: SAYS.otherSocket }
const REFUSED: Expected = { application: SAYS.refused, ztunnel: SAYS.nothing, server: SAYS.nothing }

function claims(calls: readonly Call[], expected: Expected): Claim[] {
  return (['application', 'ztunnel', 'server'] as const).map((observer) => ({
    observer,
    expected: expected[observer],
    seen: agreed(calls, told[observer])
  }))
}

export const plain = (calls: readonly Call[]): Claim[] => claims(calls, PLAIN)
export const steered = (calls: readonly Call[]): Claim[] => claims(calls, STEERED)
export const refused = (calls: readonly Call[]): Claim[] => claims(calls, REFUSED)

/** Addresses as they were reported, a column for each family. */
export function showCalls(calls: readonly Call[], screen: Screen): void {
  const row = (name: string, cell: (call: Call) => string) => [name, ...calls.map(cell)]
  const list = (cells: readonly string[]) => cells.join('\n') || 'nothing'
  screen.table(
    ['', 'IPv4', 'IPv6'],
    [
      row('the application dialled', ({ asked }) => asked),
      row('connect() said', ({ application: { ok, errno } }) => (ok ? 'connected' : (errno ?? 'failed'))),
      row('getpeername() said', ({ application: { peer } }) => peer ?? '-'),
      row('getsockname() said', ({ application: { ok, local } }) => (ok && local ? local : '-')),
      row('ztunnel saw', ({ ztunnel }) => list(ztunnel.map(({ src, dst }) => `from ${src}\nto   ${dst}`))),
      row('the server saw', ({ server }) => list(server.map(({ peer }) => `from ${peer}`)))
    ]
  )
}
