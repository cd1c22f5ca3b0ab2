// SPDX-License-Identifier: Apache-2.0
// Who a datagram seems to come from: ztunnel's answers from the server that was asked, all others from their sender.

import { describe, expect, it } from 'vitest'
import type { Line } from '../../world/running.ts'
import { INSIDE } from '../dns/asked.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const FORGED = 'forged'

/** Asks `one`, and `two` when it has heard something; tells what comes, and from whom. Unconnected, as recursors are. */
const ASKER = `
  const [family, one, two] = process.argv.slice(1)
  const tell = (line) => console.log(JSON.stringify(line))
  const socket = require('node:dgram').createSocket(family)
  const labels = '${INSIDE}'.split('.').map((label) => String.fromCharCode(label.length) + label).join('')
  const ask = (id, server, then) => {
    const header = Buffer.from('000' + id + '01000001000000000000', 'hex')
    const question = Buffer.concat([header, Buffer.from(labels, 'latin1'), Buffer.from('0000010001', 'hex')])
    socket.send(question, 53, server, then)
  }
  socket.on('message', (text, { address, port }) => {
    const forged = text.toString('latin1') === '${FORGED}'
    tell({ event: forged ? 'forged' : 'answer', id: forged ? 0 : text.readUInt16BE(0), from: address, port })
    if (forged) ask(2, two, () => tell({ event: 'asked-two' }))
  })
  socket.bind(0, () => ask(1, one, () => tell({ event: 'asked', port: socket.address().port })))`

/** Sends from the port of ztunnel's resolver. */
const FORGER = `
  const [family, address, port] = process.argv.slice(1)
  const socket = require('node:dgram').createSocket(family)
  socket.bind(15053, () => socket.send('${FORGED}', Number(port), address, () => socket.close()))`

const node = mesh({
  enrolled: ['app'],
  plain: ['mallory'],
  outsiders: ['one', 'two'],
  ztunnel: { hostnames: [INSIDE] }
})

const told = (lines: readonly Line[], event: string) => lines.filter((line) => line.event === event)

describe('a datagram from the port of ztunnel’s resolver', () => {
  it.each(FAMILIES)(
    'seems to come from the neighbour that sent it, and answers nothing: %s',
    async (family) => {
      const [app, mallory] = [node.pod('app'), node.pod('mallory')]
      const kind = family === 'ipv4' ? 'udp4' : 'udp6'
      const servers = ['one', 'two'].map((name) => node.outsider(name)[family])
      node.ztunnel.pause()
      const asker = app.spawn([process.execPath, '-e', ASKER, kind, ...servers])
      try {
        const { port } = await asker.waitForEvent('asked')
        await mallory.exec([process.execPath, '-e', FORGER, kind, app[family], Number(port)])
        await asker.waitForEvent('asked-two')
        expect(told(asker.lines, 'forged')).toEqual([
          { event: 'forged', id: 0, from: mallory[family], port: 15_053 }
        ])
      } finally {
        node.ztunnel.resume()
      }
      await expect.poll(() => told(asker.lines, 'answer').length).toBe(2)
      // By their order alone: an answer that somebody else had used up would be shown as the next server's.
      expect(told(asker.lines, 'answer').map(({ from, port: by }) => [from, by])).toEqual(
        servers.map((server) => [server, 53])
      )
      await asker.stop()
    }
  )
})
