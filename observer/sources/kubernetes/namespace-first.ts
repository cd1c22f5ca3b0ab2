// SPDX-License-Identifier: Apache-2.0

import { concatMap, defer, from, type MonoTypeOperatorFunction } from 'rxjs'
import type { Pod, PodUid } from '../../pods/pod.ts'
import type { SourceEvent } from '../source.ts'

/**
 * A pod waits until its namespace is told: judged without the namespace's label it would be outside the mesh. Until
 * then the kernel holds it, as one that nobody has named.
 */
export function namespaceFirst(): MonoTypeOperatorFunction<SourceEvent> {
  return (events$) =>
    defer(() => {
      const namespaces = new Set<string>()
      const waiting = new Map<PodUid, Pod>()
      return events$.pipe(concatMap((event) => from(inOrder(event, namespaces, waiting))))
    })
}

function inOrder(event: SourceEvent, namespaces: Set<string>, waiting: Map<PodUid, Pod>): SourceEvent[] {
  switch (event.kind) {
    case 'pod': {
      if (namespaces.has(event.pod.namespace)) return [event]
      waiting.set(event.pod.uid, event.pod)
      return []
    }
    case 'pod-gone':
      // It may have been told before its namespace went.
      waiting.delete(event.uid)
      return [event]
    case 'namespace': {
      const { name } = event.namespace
      namespaces.add(name)
      const pods = [...waiting.values()].filter(({ namespace }) => namespace === name)
      for (const { uid } of pods) waiting.delete(uid)
      return [event, ...pods.map((pod): SourceEvent => ({ kind: 'pod', pod }))]
    }
    case 'namespace-gone':
      namespaces.delete(event.name)
      return [event]
    default:
      return [event]
  }
}
