// SPDX-License-Identifier: Apache-2.0
// What `kubectl describe pod` tells. Events of the core group: every tool reads them, and nothing that
// events.k8s.io adds (series) is used, because an agent that only creates needs no right to change any.

import type { CoreV1Event } from '@kubernetes/client-node'
import type { Announcement } from '../pods/effect.ts'
import type { Pod } from '../pods/pod.ts'

export interface EventKind {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
}

/** Undefined: it is of no pod that anybody has named, or changes nothing for the pod. */
export const EVENT_KINDS: Readonly<Record<Announcement, EventKind | undefined>> = {
  joined: { type: 'Normal', reason: 'Joined' },
  left: { type: 'Normal', reason: 'Left' },
  failed: { type: 'Warning', reason: 'EnrolmentFailed' },
  stays: { type: 'Warning', reason: 'LeavingFailed' },
  conflict: { type: 'Warning', reason: 'Conflict' },
  'invalid-value': { type: 'Warning', reason: 'InvalidValue' },
  'opt-out-not-allowed': { type: 'Warning', reason: 'OptOutNotAllowed' },
  'not-supported': { type: 'Warning', reason: 'NotSupported' },
  unsupported: { type: 'Warning', reason: 'Unsupported' },
  condition: { type: 'Warning', reason: 'Condition' },
  unjudged: undefined,
  observed: undefined
}

const LONGEST_NAME = 253
const LONGEST_NOTE = 1_024

/**
 * @param id makes the name of the event unique among those of the pod
 * @param nodeName who reports
 */
export function podEvent(
  pod: Pod,
  { type, reason }: EventKind,
  note: string,
  { id, nodeName, now }: { readonly id: string; readonly nodeName: string; readonly now: Date }
): CoreV1Event {
  const { name, namespace, uid } = pod
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, LONGEST_NAME - id.length - 1)}.${id}`, namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
    type,
    reason,
    message: note.slice(0, LONGEST_NOTE),
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: 'sluice', host: nodeName },
    reportingComponent: 'sluice',
    reportingInstance: nodeName
  }
}
