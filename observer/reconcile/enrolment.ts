// SPDX-License-Identifier: Apache-2.0
// Takes a pod into the mesh, in the order in which each step leaves nothing open: first the lookup that drops and
// the routing, which nothing is marked for yet, then ztunnel, and only then the verdict that steers. Every step may
// be repeated.

import type { Logger } from 'pino'
import { ztunnel_port } from '#contract'
import type { Listener } from '#native'
import type { Config } from '../config/schema.ts'
import { causeText, SluiceError } from '../errors/error.ts'
import type { Attachment } from '../hooks/attachment.ts'
import type { Lookups } from '../hooks/lookups.ts'
import { NO_ADDRESSES, type PodEntries } from '../maps/pod-entries.ts'
import { NO_TRAITS, type Traits } from '../membership/traits.ts'
import type { PodNetns } from '../netns/pod-netns.ts'
import { podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'
import type { ZdsServer } from '../ztunnel/server.ts'
import { type Listeners, opaquePorts, PROXY_PORTS } from './listeners.ts'
import type { AnyDrift } from './verifier.ts'

/** What the agent holds open for a pod of the mesh. */
export interface Dwelling {
  readonly netns: PodNetns
  lookup: Attachment | undefined
  /** How the pod is captured; DNS only where ztunnel answers it. */
  traits: Traits
  /** It is being taken back: nobody mends it. */
  leaving: boolean
}

export function dwellingIn(netns: PodNetns): Dwelling {
  return { netns, lookup: undefined, traits: NO_TRAITS, leaving: false }
}

export interface EnrolmentParts {
  readonly entries: PodEntries
  readonly lookups: Lookups
  readonly listeners: Pick<Listeners, 'missing' | 'park' | 'adopt'>
  readonly zds: Pick<ZdsServer, 'offer' | 'keep'>
  readonly establishedConnections: Config['establishedConnections']
  /** Told of what somebody changed while no agent ran. */
  readonly onDrift: (kind: AnyDrift, what: string, state: PodState) => void
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/**
 * @param dwelling the pod's open namespace; this function fills in the lookup
 * @param signal aborted when the pod leaves or goes meanwhile
 * @throws SluiceError, NativeError: nothing is steered then, and the pod keeps the verdict that it had
 */
export async function enrol(
  state: PodState,
  dwelling: Dwelling,
  parts: EnrolmentParts,
  signal: AbortSignal
): Promise<void> {
  const { pod, cgroup, verdict } = state
  if (pod === undefined || cgroup === undefined || verdict === 'none')
    throw new SluiceError('SLUICE_ERR_POD_UNKNOWN')
  const { netns } = dwelling
  parts.zds.keep(pod.uid)
  // A former agent steered it, and ztunnel may be long in answering: until then it is captured as it was.
  if (verdict === 'steer' && dwelling.lookup === undefined)
    dwelling.traits = parts.entries.readTraits(netns.cookie)
  parts.entries.writeNetns(netns.cookie, NO_ADDRESSES, netns.addresses)
  parts.entries.writeProbes(netns.cookie, pod.probePorts)
  parts.entries.write(cgroup.id, netns.cookie, verdict, netns.addresses, dwelling.traits)
  if (verdict !== 'steer') await netns.refuseConflicts()
  const steered = verdict === 'steer' && dwelling.lookup === undefined
  const attached = parts.lookups.has(netns.cookie)
  const adopted = steered || (dwelling.lookup === undefined && attached)
  // Attached when all have ended: nothing is left under way that a departure would not see.
  const loading = parts.lookups.load(netns.cookie)
  const [drift] = await Promise.all([netns.prepare(adopted), loading])
  if (steered) {
    for (const { kind, what } of drift) parts.onDrift(kind, what, state)
    if (!attached) parts.onDrift('lookup', 'listener lookup was detached', state)
  }
  using instance = await loading
  await parts.listeners.park(netns)
  signal.throwIfAborted()
  const former = dwelling.lookup
  dwelling.lookup = parts.lookups.attach(instance, netns)
  former?.close()
  const { uid, name, namespace, serviceAccount } = pod
  await unlessAborted(parts.zds.offer({ uid, name, namespace, serviceAccount, netnsFd: netns.fd }), signal)
  await requireListeners(parts.listeners, netns, podRef(pod))
  const there = await netns.listeners([...PROXY_PORTS, ztunnel_port.ZTUNNEL_DNS])
  requireTransparency(there, podRef(pod))
  const wanted = state.membership?.traits ?? NO_TRAITS
  const dns = wanted.dns && there.some(({ port }) => port === ztunnel_port.ZTUNNEL_DNS)
  signal.throwIfAborted()
  dwelling.traits = { ...wanted, dns }
  parts.entries.write(cgroup.id, netns.cookie, 'steer', netns.addresses, dwelling.traits)
  // Only what passed until now has connections that ztunnel does not carry.
  if (verdict === 'pass' && parts.establishedConnections === 'reset')
    await reset(netns, parts.log, podRef(pod))
}

/** An offer that is called off stays made: what comes next repeats it or withdraws it. */
async function unlessAborted(offer: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<never>((_, reject) => {
    const fail = () => reject(signal.reason as Error)
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail, { once: true })
  })
  await Promise.race([offer, aborted])
}

/** @throws SluiceError SLUICE_ERR_ZTUNNEL_NOT_LISTENING */
async function requireListeners(
  listeners: EnrolmentParts['listeners'],
  netns: PodNetns,
  pod: string
): Promise<void> {
  const failure = await listeners.adopt(netns).then(
    () => undefined,
    (error: unknown) => error
  )
  const ports = listeners.missing(netns.cookie)
  if (ports.length > 0)
    throw new SluiceError('SLUICE_ERR_ZTUNNEL_NOT_LISTENING', { pod, ports: ports.join(', ') }, failure)
}

/** ztunnel makes its listeners transparent after listen(), but before it acknowledges. */
function requireTransparency(there: readonly Listener[], pod: string): void {
  const ports = opaquePorts(PROXY_PORTS, there)
  if (ports.length > 0)
    throw new SluiceError('SLUICE_ERR_ZTUNNEL_NOT_TRANSPARENT', { pod, ports: ports.join(', ') })
}

/** The pod is steered already: what cannot be reset ends when its owner ends it. */
async function reset(netns: PodNetns, log: EnrolmentParts['log'], pod: string): Promise<void> {
  try {
    log.info({ pod, connections: await netns.resetConnections() }, 'connections from before were reset')
  } catch (error) {
    log.warn(
      { pod, err: causeText(error) },
      'connections from before could not be reset: they stay outside the mesh'
    )
  }
}
