// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { ageText } from '../../../cli/status/age.ts'
import { exitCode } from '../../../cli/status/command.ts'
import { statusText } from '../../../cli/status/text.ts'
import type { StatusReport } from '../../../control/protocol.ts'
import { report } from '../../control/report.ts'

const now = Date.parse('2026-01-02T03:04:05Z')
const plain = { terminal: false, colours: false }

describe('status', () => {
  it('is plain where no terminal reads it', () => {
    expect(statusText(report, plain, now)).toMatchInlineSnapshot(`
      "Agent 0.1.0+0123456789ab (pid 4242, source manifest) has run for 3h4m: ready.
      ztunnel (pid 77, /kubepods/podz) has been connected for 3h3m.
      Refused on the ZDS socket, because they are not ztunnel: 1.
      Problem: manifest /m/broken.yaml: line 3 is not YAML

      NAMESPACE  POD       STATE     SINCE  STEERED  REFUSED  IPS               NETNS  CGROUP           LAST ERROR
      shop       cart      verified  2h4m   12       0        10.0.0.1,fd00::1  4026   /kubepods/podu1  -
      shop       pay [31m  failed    4m5s   0        3        -                 -      102              ztunnel gave no ack

      Outside the mesh:
      NAMESPACE    POD      STATE    SINCE  IPS       CGROUP           REASON
      kube-system  coredns  outside  3d3h   10.0.0.9  /kubepods/podu3  namespace kube-system is excluded

      Lately refused:
      AGO   POD        REASON         CONNECTION                             PEER                 PROCESS
      5s    shop/cart  dropped_guard  from 10.0.0.9:40000 to 10.0.0.1:15001  kube-system/coredns  -
      1m5s  ?          refused_held   to [fd00::9]:443                       -                    cu rl (4711)

      Counters: steered 12, refused_held 3
      Repaired: rule 1
      Resyncs: 2
      "
    `)
  })

  it('says that no agent runs, and what that means', () => {
    const dead: StatusReport = {
      ...report,
      agent: { running: false },
      ztunnels: [],
      counters: {},
      drift: {},
      resyncs: 0
    }
    const text = statusText(dead, plain, now)
    expect(text).toContain('No agent runs.')
    expect(text).not.toContain('ztunnel (pid')
    expect(text).toContain('cart')
  })

  it('says that there is no pod and no ztunnel', () => {
    const text = statusText({ ...report, pods: [], ztunnels: [] }, plain, now)
    expect(text).toContain('No pod is in the mesh.')
    expect(text).toContain('No ztunnel is connected')
  })

  it('says first that everything is paused', () => {
    expect(statusText({ ...report, paused: true }, plain, now)).toMatch(/^PAUSED: .*sluice resume/)
  })

  it('says of an observing agent which pods would be steered, and asks for no ztunnel', () => {
    const pods = report.pods.map((pod) => ({ ...pod, state: 'observed' as const, outside: false }))
    const text = statusText({ ...report, mode: 'observe', ztunnels: [], pods }, plain, now)
    expect(text).toMatch(/^Mode observe: /)
    expect(text).toMatch(/shop +cart +would be steered/)
    expect(text).not.toContain('No ztunnel')
  })

  it('has borders on a terminal, and colours unless they are turned off', () => {
    const coloured = statusText(report, { terminal: true, colours: true }, now)
    expect(coloured).toContain('│')
    expect(coloured).toContain('\x1b[32mverified\x1b[0m')
    expect(statusText(report, { terminal: true, colours: false }, now)).not.toContain('\x1b')
  })

  it('lets no control character of a name through', () => {
    expect(statusText(report, plain, now)).not.toContain('\x1b')
  })

  it('lets none through of what was found in a pod', () => {
    const { agent, pods } = report
    const conditions = [{ kind: 'routing', message: 'rule "1: from all iif \x1b[2J"' } as const]
    const odd: StatusReport = {
      ...report,
      agent: agent.running ? { ...agent, problems: ['cgroup \x1b[2J'] } : agent,
      pods: pods.map((pod) => ({ ...pod, conditions }))
    }
    const text = statusText(odd, plain, now)
    expect(text).toContain('Problem: cgroup  [2J')
    expect(text).toContain('shop/cart, routing: rule "1: from all iif  [2J".')
    expect(text).not.toContain('\x1b')
  })
})

describe('its exit code', () => {
  const { agent } = report
  const well: StatusReport = {
    ...report,
    agent: agent.running ? { ...agent, problems: [] } : agent,
    pods: report.pods.filter(({ lastError }) => lastError === undefined)
  }
  const unserved: StatusReport = { ...well, ztunnels: [] }

  it.each([
    ['a ready agent without problems', well, 0],
    ['an observing agent', { ...well, mode: 'observe' }, 0],
    ['an observing agent without ztunnel', { ...unserved, mode: 'observe' }, 0],
    ['no ztunnel', unserved, 1],
    ['a pause', { ...well, paused: true }, 1],
    ['a problem', report, 1],
    ['a pod with an error', { ...well, pods: report.pods }, 1],
    [
      'an agent that is not ready',
      { ...well, agent: agent.running ? { ...agent, problems: [], ready: false } : agent },
      1
    ],
    ['no agent', { ...well, agent: { running: false } }, 1]
  ] as const)('%s', (_, given, expected) => {
    expect(exitCode(given)).toBe(expected)
  })
})

it.each([
  ['2026-01-02T03:04:05Z', '0s'],
  ['2026-01-02T03:04:00Z', '5s'],
  ['2026-01-02T03:00:00Z', '4m5s'],
  ['2026-01-02T00:00:00Z', '3h4m'],
  ['2025-12-01T00:00:00Z', '32d3h'],
  ['2027-01-01T00:00:00Z', '0s'],
  ['never', '?']
])('the age of %s is %s', (since, expected) => {
  expect(ageText(since, now)).toBe(expected)
})
