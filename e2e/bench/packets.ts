// SPDX-License-Identifier: Apache-2.0
// Whether a program runs for a packet: the runs of all programs during a long transfer, against those of a short one.

import type { Place } from '../world/place.ts'
import { Counted } from './counted.ts'
import { grouped } from './figures.ts'
import { Pinned } from './pinned.ts'
import { load, type Rivals, type Way } from './rivals.ts'
import type { Section } from './section.ts'

interface Transfer {
  readonly bytes: number
  readonly segments: number
  readonly runs: number
}

/** TCP segments that the namespace has sent so far, acknowledgements included. */
async function segmentsSent(place: Place): Promise<number> {
  const { stdout } = await place.exec(['cat', '/proc/net/snmp'])
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'))
  const index = names?.split(' ').indexOf('OutSegs') ?? -1
  return Number(values?.split(' ')[index])
}

async function segments({ client, server }: Way): Promise<number> {
  return (await segmentsSent(client)) + (await segmentsSent(server))
}

async function transfer(way: Way, counted: Counted, ms: number): Promise<Transfer> {
  const sum = async () => [...(await counted.now()).values()].reduce((all, { runs }) => all + runs, 0)
  const [runs, sent] = [await sum(), await segments(way)]
  const stream = await load(way, 'stream', ms)
  return { bytes: stream('bytes'), segments: (await segments(way)) - sent, runs: (await sum()) - runs }
}

export async function measurePackets(rivals: Rivals, ms: number): Promise<Section> {
  const way = rivals.way('sluice')
  const pinned = Pinned.open(way.world.prefix)
  if (pinned === undefined) throw new Error('the agent has pinned nothing')
  const ids = new Map<string, number>()
  for (const place of [way.client, way.server]) {
    for (const [name, id] of pinned.programs(await place.cookie())) ids.set(`${name} ${id}`, id)
  }
  pinned.close()
  await using counted = new Counted(
    [...ids].flatMap(([name, id]) => (name.startsWith('handle_') ? [] : [id]))
  )
  const short = await transfer(way, counted, 1)
  const long = await transfer(way, counted, ms)
  const perSegment = (long.runs - short.runs) / (long.segments - short.segments)
  const row = (name: string, { bytes, segments: sent, runs }: Transfer) => [
    name,
    ...[bytes, sent, runs].map(grouped)
  ]
  return {
    key: 'packets',
    title: 'Programs that run for a packet',
    about:
      'One connection that carries little and one that carries much, through Sluice: runs of every program of Sluice ' +
      'that has to do with sockets, as the kernel counts them, and TCP segments that both pods have sent.',
    columns: ['connection', 'bytes', 'segments', 'runs'],
    rows: [row('short', short), row('long', long)],
    remarks: [`Runs for each further segment: ${perSegment.toFixed(4)}.`],
    data: { short, long, perSegment }
  }
}
