// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import { type SelectionPolicy, UNSUPPORTED_RUNTIME_CLASSES } from '../membership/policy.ts'

export function selectionPolicy({ excludeNamespaces, allowPodOptOut, dnsCapture, ztunnel }: Config): SelectionPolicy {
  const { namespace, serviceAccount } = ztunnel
  return {
    excludeNamespaces,
    allowPodOptOut,
    dnsCapture,
    ztunnel: { namespace, serviceAccount },
    unsupportedRuntimeClasses: UNSUPPORTED_RUNTIME_CLASSES
  }
}
