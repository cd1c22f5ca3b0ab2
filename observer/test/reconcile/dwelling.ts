// SPDX-License-Identifier: Apache-2.0
// A pod's namespace that writes down what is done to it, and can be made to wait.

import type { Attachment } from '../../hooks/attachment.ts'
import { NO_TRAITS } from '../../membership/traits.ts'
import type { Inspection } from '../../netns/inspection.ts'
import type { PodNetns } from '../../netns/pod-netns.ts'
import type { Dwelling } from '../../reconcile/enrolment.ts'
import { NETNS } from '../pods/pods.ts'

export const ADDRESSES = { ipv4: '10.0.0.1', ipv6: undefined, more: ['fe80::1'] }

/** A namespace in which nothing is to be told of. */
export const FOUND: Inspection = {
  rules: [],
  routes: [],
  sysctls: {},
  tables: [],
  enabled: { ipv4: false, ipv6: false },
  forwarded: { ipv4: 0, ipv6: 0 }
}

export function dwelling(log: string[], change: Partial<Record<keyof PodNetns, unknown>> = {}): Dwelling {
  const netns = {
    cookie: NETNS,
    addresses: ADDRESSES,
    unlisted: 0,
    fd: 3,
    steeredSockets: async () => 0,
    verify: async () => ({ drift: [], found: FOUND }),
    mayHaveMoved: () => true,
    refuseConflicts: async () => undefined,
    readAddresses: async () => ADDRESSES,
    prepare: async () => {
      log.push('prepare')
      return []
    },
    restore: async () => void log.push('restore'),
    ...change
  } as unknown as PodNetns
  return { netns, lookup: attachment(log), traits: NO_TRAITS, leaving: false }
}

export function attachment(log: string[], intact = true): Attachment {
  return {
    intact,
    fault: intact ? undefined : 'detached',
    mend: () => {
      log.push('lookup mended')
      return intact ? undefined : 'detached'
    },
    close: () => void log.push('lookup closed')
  } as unknown as Attachment
}
