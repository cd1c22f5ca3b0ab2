// SPDX-License-Identifier: Apache-2.0

import { lackingFeature, OLDEST_KERNEL } from './lacking.ts'
import type { CheckResult, Probe } from './result.ts'
import { present } from './result.ts'

/** A kernel object that the kernel has accepted. */
export interface LoadedObject extends Disposable {
  /** Attaches each cgroup program in a cgroup made for that, and detaches it. */
  readonly cgroupPrograms: readonly string[]
  readonly tryCgroup: (program: string, directory: string) => void
  readonly tracingPrograms: readonly string[]
  readonly tryTracing: (program: string) => void
  readonly ringBuffers: readonly string[]
  readonly tryRingBuffer: (map: string) => void
}

export interface KernelTrial {
  hasBtf(): boolean
  /** The objects that were built, by name; each opens, loads and gives it. */
  readonly objects: ReadonlyMap<string, () => LoadedObject>
  /** Runs with a cgroup that exists only meanwhile; undefined: cgroup2 is not there. */
  readonly withCgroup: ((use: (directory: string) => void) => void) | undefined
}

const MEANING: Readonly<Record<string, string>> = {
  observe: 'new pods are not seen, and not held until they are enrolled',
  connect: 'nothing is steered',
  dns: "an answer seems to come from ztunnel's resolver, which musl refuses",
  guard: 'a pod could take its connections off their way after connect()',
  kubelet: "the kubelet's probes do not pass ztunnel by",
  level: 'an agent in a container cannot tell how deep pods lie',
  lookup: "connections do not reach ztunnel's listeners",
  sendmsg: "questions by UDP do not reach ztunnel's resolver",
  ztunnel: "ztunnel's own connections are not recognised"
}

export function kernelProbe(trial: () => KernelTrial | Promise<KernelTrial>): Probe {
  return { family: 'kernel', run: async () => kernelResults(await trial()) }
}

export function kernelResults(trial: KernelTrial): CheckResult[] {
  const btf = present(
    'BTF',
    trial.hasBtf(),
    { yes: '/sys/kernel/btf/vmlinux', no: 'there is no /sys/kernel/btf/vmlinux' },
    {
      status: 'missing',
      meaning: "the programs cannot be fitted to this kernel's structures",
      remedy: 'use a kernel built with CONFIG_DEBUG_INFO_BTF'
    }
  )
  if (trial.objects.size === 0) {
    const remedy = 'run make, or install Sluice again'
    return [btf, { feature: 'programs', status: 'missing', found: 'no kernel object was found', remedy }]
  }
  return [btf, ...[...trial.objects].flatMap(([name, load]) => objectResults(name, load, trial))]
}

function objectResults(name: string, load: () => LoadedObject, { withCgroup }: KernelTrial): CheckResult[] {
  const feature = `program ${name}`
  const meaning = MEANING[name] ?? 'a part of Sluice does not work'
  try {
    using object = load()
    const results: CheckResult[] = [{ feature, status: 'ok', found: 'the kernel accepts it' }]
    const attempt = (what: string, names: readonly string[], run: (item: string) => void, remedy: string) => {
      if (names.length > 0) results.push(tried(`${feature}: ${what}`, names, run, meaning, remedy))
    }
    const inCgroup = (program: string) => {
      if (withCgroup === undefined) throw new Error('cgroup2 is not mounted')
      withCgroup((directory) => object.tryCgroup(program, directory))
    }
    attempt(
      'cgroup',
      object.cgroupPrograms,
      inCgroup,
      'if another program is in the way, have its owner attach it with BPF_F_ALLOW_MULTI, or detach it'
    )
    attempt(
      'tracepoint',
      object.tracingPrograms,
      object.tryTracing,
      'add CAP_PERFMON, and see the kernel log'
    )
    attempt(
      'ring buffer',
      object.ringBuffers,
      object.tryRingBuffer,
      'use a kernel that has BPF ring buffers (5.8)'
    )
    return results
  } catch (error) {
    const refusal = reason(error)
    const lacking = lackingFeature(name, refusal)
    if (lacking === undefined) {
      const remedy = 'SLUICE_LOG__LEVEL=debug shows the whole log'
      return [{ feature, status: 'missing', found: refusal, meaning, remedy }]
    }
    const remedy = `use Linux ${OLDEST_KERNEL} or newer`
    return [{ feature, status: 'missing', found: `no ${lacking}: ${refusal}`, meaning, remedy }]
  }
}

function tried(
  feature: string,
  names: readonly string[],
  run: (name: string) => void,
  meaning: string,
  remedy: string
): CheckResult {
  for (const name of names) {
    try {
      run(name)
    } catch (error) {
      return { feature, status: 'missing', found: `${name}: ${reason(error)}`, meaning, remedy }
    }
  }
  return { feature, status: 'ok', found: `works: ${names.join(', ')}` }
}

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error))
