// SPDX-License-Identifier: Apache-2.0
// Takes a pod into the mesh, in the order in which each step leaves nothing open: first the lookup that drops and
// the routing, which nothing is marked for yet, then ztunnel, and only then the verdict that steers. Every step may
// be repeated.

import type { Logger } from 'pino'
import { listener_slot, ztunnel_port } from '#contract'
import type { Config } from '../config/schema.ts'
import { causeText, SluiceError } from '../errors/error.ts'
import type { Attachment } from '../hooks/attachment.ts'
import type { Lookups } from '../hooks/lookups.ts'
import type { KernelMaps } from '../maps/kernel-maps.ts'
import { NO_ADDRESSES, type PodEntries } from '../maps/pod-entries.ts'
import type { PodNetns } from '../netns/pod-netns.ts'
import { podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'
import type { ZdsServer } from '../ztunnel/server.ts'

/** What the agent holds open for a pod of the mesh. */
export interface Dwelling {
  readonly netns: PodNetns
  lookup: Attachment | undefined
  /** It is being taken back: nobody mends it. */
  leaving: boolean
}

export function dwellingIn(netns: PodNetns): Dwelling {
  return { netns, lookup: undefined, leaving: false }
}

export interface EnrolmentParts {
  readonly entries: PodEntries
  readonly lookups: Lookups
  readonly listeners: KernelMaps['listener']
  readonly zds: Pick<ZdsServer, 'offer' | 'keep'>
  readonly establishedConnections: Config['establishedConnections']
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
  parts.entries.writeNetns(netns.cookie, NO_ADDRESSES, netns.addresses)
  parts.entries.write(cgroup.id, netns.cookie, verdict, netns.addresses)
  const adopted = dwelling.lookup === undefined && parts.lookups.has(netns.cookie)
  dwelling.lookup?.close()
  // Attached when both have ended: nothing is left under way that a departure would not see.
  const loading = parts.lookups.load(netns.cookie)
  await Promise.all([netns.prepare(adopted), loading])
  using instance = await loading
  signal.throwIfAborted()
  dwelling.lookup = parts.lookups.attach(instance, netns)
  const { uid, name, namespace, serviceAccount } = pod
  await unlessAborted(parts.zds.offer({ uid, name, namespace, serviceAccount, netnsFd: netns.fd }), signal)
  requireListeners(parts.listeners, netns.cookie, podRef(pod))
  await requireTransparency(netns, podRef(pod))
  signal.throwIfAborted()
  parts.entries.write(cgroup.id, netns.cookie, 'steer', netns.addresses)
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

const PROXY_PORTS = [ztunnel_port.ZTUNNEL_OUTBOUND, ztunnel_port.ZTUNNEL_INBOUND]

const ZTUNNEL_SLOTS = [listener_slot.SLOT_ZTUNNEL, listener_slot.SLOT_UPGRADE]

/** The ports of ztunnel in that namespace that have no listener of its own. */
export function missingListeners(listeners: KernelMaps['listener'], netns: bigint): number[] {
  const listens = (port: number) =>
    ZTUNNEL_SLOTS.some((slot) => listeners.get({ netns, port, slot }) !== undefined)
  return PROXY_PORTS.filter((port) => !listens(port))
}

function requireListeners(listeners: KernelMaps['listener'], netns: bigint, pod: string): void {
  const ports = missingListeners(listeners, netns)
  if (ports.length > 0)
    throw new SluiceError('SLUICE_ERR_ZTUNNEL_NOT_LISTENING', { pod, ports: ports.join(', ') })
}

/** ztunnel makes its listeners transparent after listen(), but before it acknowledges. */
async function requireTransparency(netns: PodNetns, pod: string): Promise<void> {
  const ports = await netns.opaquePorts(PROXY_PORTS)
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
