// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Agent, SLUICE } from '../world/agent.ts'
import { DIAL } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import { must } from '../world/running.ts'

/** The state LISTEN of /proc/net/tcp. */
const LISTEN = '0A'

/** Whether there is a listener on this port in the pod's network namespace, by /proc/net/tcp and tcp6. */
export async function listensIn(pod: Pod, port: number): Promise<string> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6']
  const { stdout } = await must([DIAL, 'enter', '-', pod.netns, '--', 'cat', ...tables])
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const listens = stdout.split('\n').some((line) => {
    const [, local, , state] = line.trim().split(/\s+/)
    return local?.endsWith(end) === true && state === LISTEN
  })
  return listens ? 'there is a listener' : 'nobody listens'
}

/** `sluice status` on our own terminal. Gives its exit code. */
export async function runStatus(agent: Agent): Promise<number | null> {
  const status = spawn(SLUICE, ['status', '--config', agent.configPath], { stdio: 'inherit' })
  const [code] = (await once(status, 'close')) as [number | null]
  return code
}
