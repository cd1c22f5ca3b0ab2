// SPDX-License-Identifier: Apache-2.0
// The real view of node.ts.

import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeView } from './node.ts'

const TIMEOUT_MS = 2000

/** @param podCgroups directories of all cgroups below the pods' roots */
export function nodeView(podCgroups: () => Promise<readonly string[]>): NodeView {
  const fileOf = (name: string) => `/proc/sys/${name.replaceAll('.', '/')}`
  return {
    pidNamespace: () => readlinkSync('/proc/self/ns/pid'),
    podProcesses: async () => (await podCgroups()).flatMap(processesOf),
    hasSysctl: (name) => existsSync(fileOf(name)),
    // As the agent does. Opened, not written: the value stays.
    tryWritable: async () => {
      const { makeSysctlsWritable } = await import('../../netns/sysctls.ts')
      makeSysctlsWritable()
      closeSync(openSync(fileOf('net.ipv4.tcp_fwmark_accept'), 'r+'))
    },
    netnsCookie: async () => {
      const { Netns } = await import('#native')
      using netns = Netns.open('/proc/self/ns/net')
      const [cookie] = await netns.run([{ op: 'cookie' }])
      return cookie
    },
    peerPidfd
  }
}

function processesOf(cgroup: string): number[] {
  try {
    return readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    // A cgroup that is gone has no processes.
    return []
  }
}

/** A server and its own client, on a socket of their own. */
async function peerPidfd(): Promise<boolean> {
  const { SeqpacketConnection, SeqpacketServer } = await import('#native')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-check-'))
  const path = join(directory, 'peer.sock')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  try {
    using _server = SeqpacketServer.listen(path, { mode: 0o600 }, (connection) => {
      resolve(connection.peer.pidfd !== undefined)
      connection.close()
    })
    using _client = SeqpacketConnection.connect(path)
    const late = sleep(TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no connection within ${TIMEOUT_MS} ms`)
    })
    return await Promise.race([promise, late])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
