// SPDX-License-Identifier: Apache-2.0
// `sluice status` for people: first who is at work, then the pods of the mesh, then the others.

import type { PodState, PodStatus, RefusalEntry, StatusReport } from '../../control/protocol.ts'
import { printable } from '../printable.ts'
import { type Style, table } from '../table.ts'
import { ageText } from './age.ts'

const GREEN = 32
const YELLOW = 33
const RED = 31

const COLOURS: Readonly<Record<PodState, number | undefined>> = {
  known: undefined,
  unknown: YELLOW,
  held: YELLOW,
  joining: YELLOW,
  enrolled: GREEN,
  verified: GREEN,
  leaving: YELLOW,
  outside: undefined,
  observed: YELLOW,
  unsupported: RED,
  failed: RED
}

const SHOWN: Readonly<Partial<Record<PodState, string>>> = { observed: 'would be steered' }

/** @param now Unix time in milliseconds */
export function statusText(report: StatusReport, style: Style, now: number): string {
  const inside = report.pods.filter(({ outside }) => !outside)
  const outside = report.pods.filter((pod) => pod.outside)
  const parts = [
    modeText(report, style),
    headText(report, now),
    inside.length === 0 ? 'No pod is in the mesh.\n' : insideTable(inside, style, now),
    conditionsText(inside),
    ...(outside.length === 0 ? [] : [`Outside the mesh:\n${outsideTable(outside, style, now)}`]),
    refusalsText(report.refusals, style, now),
    countersText(report)
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function modeText({ mode, paused }: StatusReport, { colours }: Style): string {
  const lines = [
    ...(paused
      ? [
          'PAUSED: every new connection passes in the clear, none is steered or held. `sluice resume` ends that.'
        ]
      : []),
    ...(mode === 'observe'
      ? ['Mode observe: every connection passes, what would be steered or held is counted.']
      : [])
  ]
  const text = lines.map((line) => (colours ? `\x1b[${YELLOW}m${line}\x1b[0m\n` : `${line}\n`))
  return text.join('')
}

function headText({ agent, mode, ztunnels, refusedZtunnels, version }: StatusReport, now: number): string {
  if (!agent.running) {
    return `No agent runs. This is what the kernel still holds: pods stay as they are, changes are not followed.\n`
  }
  const since = ageText(agent.startedAt, now)
  const ready = agent.ready ? 'ready' : 'not ready yet'
  const lines = [
    `Agent ${version}+${agent.build} (pid ${agent.pid}, source ${agent.source}) has run for ${since}: ${ready}.`
  ]
  for (const { pid, cgroup, connectedAt } of ztunnels) {
    lines.push(`ztunnel (pid ${pid}, ${cgroup}) has been connected for ${ageText(connectedAt, now)}.`)
  }
  if (ztunnels.length === 0 && mode === 'enforce')
    lines.push('No ztunnel is connected: pods that join are held until one is.')
  if (refusedZtunnels > 0)
    lines.push(`Refused on the ZDS socket, because they are not ztunnel: ${refusedZtunnels}.`)
  lines.push(...agent.problems.map((problem) => `Problem: ${printable(problem)}`))
  return `${lines.join('\n')}\n`
}

function insideTable(pods: readonly PodStatus[], style: Style, now: number): string {
  const head = [
    'NAMESPACE',
    'POD',
    'STATE',
    'SINCE',
    'STEERED',
    'REFUSED',
    'IPS',
    'NETNS',
    'CGROUP',
    'LAST ERROR'
  ]
  const rows = pods.map((pod) => [
    pod.namespace || '?',
    pod.name || '?',
    stateCell(pod),
    ageText(pod.since, now),
    String(pod.steered),
    String(pod.refused),
    pod.ips.join(',') || '-',
    pod.netns ?? '-',
    pod.cgroup ?? pod.cgroupId,
    pod.lastError ?? '-'
  ])
  return table(head, rows, style)
}

/** "verified, partial": yellow, because something is left to do. */
function stateCell({ state, conditions }: PodStatus): { text: string; colour: number | undefined } {
  const kinds = conditions.map(({ kind }) => kind)
  const text = [SHOWN[state] ?? state, ...kinds].join(', ')
  return { text, colour: kinds.length > 0 && COLOURS[state] === GREEN ? YELLOW : COLOURS[state] }
}

function conditionsText(pods: readonly PodStatus[]): string {
  const lines = pods.flatMap(({ namespace, name, conditions }) =>
    conditions.map(({ kind, message }) => `${printable(`${namespace}/${name}, ${kind}: ${message}`)}.\n`)
  )
  return lines.join('')
}

function outsideTable(pods: readonly PodStatus[], style: Style, now: number): string {
  const head = ['NAMESPACE', 'POD', 'STATE', 'SINCE', 'IPS', 'CGROUP', 'REASON']
  const rows = pods.map((pod) => [
    pod.namespace || '?',
    pod.name || '?',
    { text: SHOWN[pod.state] ?? pod.state, colour: COLOURS[pod.state] },
    ageText(pod.since, now),
    pod.ips.join(',') || '-',
    pod.cgroup ?? pod.cgroupId,
    pod.lastError === undefined ? pod.reason : `${pod.reason}; ${pod.lastError}`
  ])
  return table(head, rows, style)
}

function refusalsText(refusals: readonly RefusalEntry[], style: Style, now: number): string {
  if (refusals.length === 0) return ''
  const rows = refusals.map(({ at, pod, reason, peer, peerPod, dialled, pid, command }) => [
    ageText(at, now),
    pod ?? '?',
    reason,
    dialled === undefined ? (peer === undefined ? '-' : `to ${peer}`) : `from ${peer ?? '?'} to ${dialled}`,
    peerPod ?? '-',
    pid === undefined ? '-' : `${command} (${pid})`
  ])
  return `Lately refused:\n${table(['AGO', 'POD', 'REASON', 'CONNECTION', 'PEER', 'PROCESS'], rows, style)}`
}

/** Only what happened; the JSON has the zeros as well. */
function countersText({ counters, drift, resyncs }: StatusReport): string {
  const happened = (title: string, values: Readonly<Record<string, number>>) => {
    const items = Object.entries(values).filter(([, count]) => count > 0)
    return items.length === 0
      ? []
      : [`${title}: ${items.map(([name, count]) => `${name} ${count}`).join(', ')}`]
  }
  const lines = [...happened('Counters', counters), ...happened('Repaired', drift)]
  if (resyncs > 0) lines.push(`Resyncs: ${resyncs}`)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}
