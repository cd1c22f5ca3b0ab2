// SPDX-License-Identifier: Apache-2.0
// What Sluice makes on a node and in the network namespace of a pod.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Link } from '#native'
import { must, run } from '../../world/running.ts'
import type { Pod } from '../kube/pod.ts'
import { mustOnNode } from './namespaces.ts'
import { podProcesses } from './processes.ts'
import type { ClusterState } from './state.ts'

/** Tells of a program by its id, or ends with 1 where there is none. */
const PROGRAMS = join(import.meta.dirname, '../../../build/e2e/programs')
const SETTINGS = ['net/ipv4/tcp_fwmark_accept', 'net/ipv4/fwmark_reflect', 'net/ipv6/fwmark_reflect']

export interface Traces {
  /** Lines of the pod's routing. */
  readonly rules: readonly string[]
  readonly routes: readonly string[]
  /** Those that are on. */
  readonly settings: readonly string[]
  /** In bpffs. */
  readonly pins: readonly string[]
  /** Where ztunnel looks for its agent. */
  readonly sockets: readonly string[]
}

export const NOTHING: Traces = { rules: [], routes: [], settings: [], pins: [], sockets: [] }

type Inside = (...argv: readonly string[]) => Promise<string>

async function inside(state: ClusterState, pod: Pod): Promise<Inside> {
  const [pid] = await podProcesses(state, (await pod.object())?.metadata?.uid ?? '')
  return async (...argv) => (await must(['nsenter', '--target', `${pid}`, '--net', '--', ...argv])).stdout
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean)
}

export async function tracesOf(state: ClusterState, pod: Pod): Promise<Traces> {
  const run = await inside(state, pod)
  const rules = `${await run('ip', '-4', 'rule')}${await run('ip', '-6', 'rule')}`
  const routes = 'ip -4 route show table 5151; ip -6 route show table 5151; true'
  const values = await Promise.all(
    SETTINGS.map(async (name) => [name, await run('cat', `/proc/sys/${name}`)])
  )
  return {
    rules: lines(rules).filter((line) => /fwmark|proto 151/.test(line)),
    routes: lines(await run('sh', '-c', routes)),
    settings: values.flatMap(([name = '', value = '']) => (value.trim() === '0' ? [] : [name])),
    // The kernel's own are in every bpffs.
    pins: lines(await mustOnNode(state, ['ls', '--ignore=*.debug', '/sys/fs/bpf'])),
    sockets: lines(await mustOnNode(state, ['ls', '/run/ztunnel']))
  }
}

/** Ports of ztunnel on which somebody listens in the pod. */
export async function proxyPorts(state: ClusterState, pod: Pod): Promise<string[]> {
  const run = await inside(state, pod)
  const ports = [...(await run('ss', '-Hltn')).matchAll(/:(15\d{3})\s/g)].map(([, port = '']) => port)
  return [...new Set(ports)].toSorted()
}

/** Ids of the programs whose links are pinned. */
export function pinnedPrograms({ holder }: ClusterState): number[] {
  const root = `/proc/${holder}/root/sys/fs/bpf/sluice`
  const versions = readdirSync(root).filter((name) => /^v\d+$/.test(name))
  return versions.flatMap((version) => {
    const links = join(root, version, 'links')
    return readdirSync(links).map((name) => {
      using link = Link.openPinned(join(links, name))
      return link.info().programId
    })
  })
}

/** Those of the programs that the kernel still has. */
export async function loaded(programs: readonly number[]): Promise<number[]> {
  const found = await Promise.all(
    programs.map(async (program) => {
      const { code } = await run([PROGRAMS, `${program}`], { input: '\n' })
      return code === 0 ? [program] : []
    })
  )
  return found.flat()
}
