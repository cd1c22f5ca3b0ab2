// SPDX-License-Identifier: Apache-2.0
import type { CoreV1Event, CoreV1EventList } from '@kubernetes/client-node'
import type { Api } from '../kube/api.ts'
import type { Pod } from '../kube/pod.ts'
import { until } from '../kube/until.ts'

/** Sluice's Events of a pod. */
export async function eventsOf(api: Api, pod: Pod): Promise<CoreV1Event[]> {
  const uid = (await pod.object())?.metadata?.uid
  const path = `/api/v1/namespaces/${pod.namespace}/events?fieldSelector=involvedObject.uid%3D${uid}`
  const { items } = await api.ask<CoreV1EventList>('GET', path)
  return items.filter(({ source }) => source?.component === 'sluice')
}

/** The first Event of a pod with this reason, as soon as there is one. */
export async function eventOf(api: Api, pod: Pod, reason: string): Promise<CoreV1Event> {
  const found = await until(
    `an Event ${reason} of ${pod.name}`,
    () => eventsOf(api, pod),
    (events) => events.some((event) => event.reason === reason)
  )
  return found.find((event) => event.reason === reason) as CoreV1Event
}
