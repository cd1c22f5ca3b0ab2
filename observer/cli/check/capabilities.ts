// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs'
import type { CheckResult, Probe } from './result.ts'

/** Numbers from linux/capability.h. The chart adds these three; with any one less no pod is enrolled. */
const NEEDED = [
  { name: 'NET_ADMIN', bit: 12, for: 'attaching network programs, rules and routes in pods' },
  {
    name: 'SYS_ADMIN',
    bit: 21,
    for: "entering pods' network namespaces; includes BPF and PERFMON, which load and attach programs"
  },
  {
    name: 'SYS_PTRACE',
    bit: 19,
    for: "reading which network namespace a pod's process is in, taking ztunnel's listeners"
  }
] as const

export function capabilityProbe(readStatus = () => readFileSync('/proc/self/status', 'utf8')): Probe {
  return { family: 'capabilities', run: () => capabilityResults(readStatus()) }
}

/** @param status /proc/<pid>/status */
export function capabilityResults(status: string): CheckResult[] {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  if (mask === undefined) throw new Error('/proc/self/status has no line CapEff')
  const effective = BigInt(`0x${mask}`)
  return NEEDED.map((capability) => {
    const feature = `CAP_${capability.name}`
    if (((effective >> BigInt(capability.bit)) & 1n) === 1n) {
      return { feature, status: 'ok', found: `effective; for ${capability.for}` }
    }
    const remedy = `run as root, or add ${capability.name} to the container's capabilities`
    return {
      feature,
      status: 'missing',
      found: 'not effective',
      meaning: `needed for ${capability.for}`,
      remedy
    }
  })
}
