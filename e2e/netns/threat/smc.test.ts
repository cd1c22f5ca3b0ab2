// SPDX-License-Identifier: Apache-2.0
// An AF_SMC socket connects by a TCP socket, to which it copies its own mark and device when the hook has gone.

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const PORT = 8080

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server'] })

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
})

describe('an AF_SMC socket', () => {
  it.for(FAMILIES)(
    'is refused to a pod of the mesh, and falls back to TCP outside: %s',
    async (family, { skip }) => {
      // Any process may load the module by making such a socket; a test had better not.
      if (!/^SMC /m.test(readFileSync('/proc/net/protocols', 'utf8')))
        return skip('the module smc is not loaded')
      const address = node.outsider('server')[family]
      expect(await node.pod('plain').connect(address, PORT, '--smc')).toMatchObject({
        ok: true,
        ended: 'line'
      })
      const rises = await node.counted(async () => {
        const connected = await node.pod('app').connect(address, PORT, '--smc')
        expect(connected).toMatchObject({ ok: false, errno: 'ECONNREFUSED', stage: 'connect' })
      })
      expect(rises).toMatchObject({ refused_mark: 1 })
    }
  )
})
