// SPDX-License-Identifier: Apache-2.0
// What a pod of the mesh may choose about its capture, by Istio's annotations.

import type { Pod } from '../pods/pod.ts'
import type { MembershipWarning } from './membership.ts'

export const DNS_CAPTURE_ANNOTATION = 'ambient.istio.io/dns-capture'
export const BYPASS_INBOUND_ANNOTATION = 'ambient.istio.io/bypass-inbound-capture'

const VIRTUAL_INTERFACES_ANNOTATION = 'istio.io/reroute-virtual-interfaces'

export interface Traits {
  /** Port 53 goes to ztunnel's resolver. */
  readonly dns: boolean
  /** Plain inbound connections go straight to the application; HBONE still goes to ztunnel. */
  readonly bypassInbound: boolean
}

export function sameTraits(one: Traits, other: Traits): boolean {
  return one.dns === other.dns && one.bypassInbound === other.bypassInbound
}

export const NO_TRAITS: Traits = { dns: false, bypassInbound: false }

/** What Istio would heed and Sluice does not: said, rather than left to be found out. */
export function unheededAnnotations({ annotations }: Pick<Pod, 'annotations'>): MembershipWarning[] {
  const value = annotations[VIRTUAL_INTERFACES_ANNOTATION]
  if (value === undefined) return []
  const message = `${VIRTUAL_INTERFACES_ANNOTATION} is not supported: traffic of virtual machines in the pod has no socket here`
  return [{ kind: 'not-supported', key: VIRTUAL_INTERFACES_ANNOTATION, value, message }]
}

/** As Istio reads them: what is no boolean counts as absent. */
export function traitsOf({ annotations }: Pick<Pod, 'annotations'>, dnsCapture: boolean): Traits {
  return {
    dns: booleanOf(annotations[DNS_CAPTURE_ANNOTATION]) ?? dnsCapture,
    bypassInbound: booleanOf(annotations[BYPASS_INBOUND_ANNOTATION]) ?? false
  }
}

// The words of Go's strconv.ParseBool, with which istio-cni reads these annotations.
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

function booleanOf(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined
  if (TRUE.has(value)) return true
  return FALSE.has(value) ? false : undefined
}
