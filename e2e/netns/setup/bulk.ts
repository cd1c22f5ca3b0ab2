// SPDX-License-Identifier: Apache-2.0
// Run in a pod by node: `bulk.ts serve PORT` echoes, `bulk.ts send ADDRESS PORT BYTES` sends random bytes and
// tells whether the same came back.

import { createHash, randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'

const [command, ...args] = process.argv.slice(2)

function tell(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function serve(port: number): void {
  createServer((socket) => {
    socket.on('error', () => socket.destroy())
    tell({ event: 'connection', peer: socket.remoteAddress?.replace(/^::ffff:/, '') })
    socket.pipe(socket)
  }).listen(port, '::', () => tell({ event: 'listening' }))
}

function send(address: string, port: number, bytes: number): void {
  const data = randomBytes(bytes)
  const received = createHash('sha256')
  let count = 0
  const socket = connect(port, address, () => socket.end(data))
  socket.on('data', (part) => {
    received.update(part)
    count += part.length
  })
  socket.on('error', (error) => tell({ ok: false, error: error.message }))
  socket.on('end', () => {
    const sent = createHash('sha256').update(data).digest('hex')
    tell({ ok: received.digest('hex') === sent, bytes: count })
  })
}

if (command === 'serve') serve(Number(args[0]))
else send(args[0] ?? '', Number(args[1]), Number(args[2]))
