// SPDX-License-Identifier: Apache-2.0
// What annotations and labels ask for, level by level. A level that says nothing, or nothing valid, is silent.

import type { MembershipWarning } from './membership.ts'

const AMBIENT_ANNOTATION = 'sluice.mesh/ambient'
export const REDIRECTION_ANNOTATION = 'ambient.istio.io/redirection'
const DATAPLANE_MODE_LABEL = 'istio.io/dataplane-mode'

type Values = Readonly<Record<string, string>>

export interface Wish {
  /** Undefined: the level is silent and the next one is asked. */
  readonly wants: 'in' | 'out' | undefined
  readonly key: string
  readonly value: string
  readonly warnings: readonly MembershipWarning[]
}

/** The annotation `sluice.mesh/ambient` of a pod or a namespace. */
export function ambientAnnotation(annotations: Values): Wish {
  return wish(annotations, AMBIENT_ANNOTATION, { true: 'in', false: 'out' })
}

/** The label `istio.io/dataplane-mode` of a pod or a namespace. */
export function dataplaneModeLabel(labels: Values): Wish {
  return wish(labels, DATAPLANE_MODE_LABEL, { ambient: 'in', none: 'out' })
}

/** `disabled` is a user's word; the other two are an agent's report of what it did, never an order to us. */
function redirectionAnnotation(annotations: Values): Wish {
  return wish(annotations, REDIRECTION_ANNOTATION, {
    disabled: 'out',
    enabled: undefined,
    pending: undefined
  })
}

/** Both annotations of a pod as one level: where they differ, out wins. */
export function podAnnotations(annotations: Values, allowOptOut: boolean): Wish {
  const own = permitted(ambientAnnotation(annotations), allowOptOut)
  const istio = permitted(redirectionAnnotation(annotations), allowOptOut)
  const warnings = [...own.warnings, ...istio.warnings]
  if (own.wants === 'in' && istio.wants === 'out') {
    const message = `${said(own)} and ${said(istio)} contradict each other: the pod stays out`
    return {
      ...istio,
      warnings: [...warnings, { kind: 'conflict', key: istio.key, value: istio.value, message }]
    }
  }
  return { ...(own.wants === undefined ? istio : own), warnings }
}

/** The label of a pod. */
export function podLabel(labels: Values, allowOptOut: boolean): Wish {
  return permitted(dataplaneModeLabel(labels), allowOptOut)
}

/** `key: value`, as the operator wrote it. */
export function said({ key, value }: Pick<Wish, 'key' | 'value'>): string {
  return `${key}: ${value}`
}

function wish(
  values: Values,
  key: string,
  meanings: Readonly<Record<string, 'in' | 'out' | undefined>>
): Wish {
  const value = Object.hasOwn(values, key) ? values[key] : undefined
  if (value === undefined) return { wants: undefined, key, value: '', warnings: [] }
  if (Object.hasOwn(meanings, value)) return { wants: meanings[value], key, value, warnings: [] }
  const orders = Object.keys(meanings).filter((meaning) => meanings[meaning] !== undefined)
  const message = `${said({ key, value })} is not understood and ignored; use ${orders.join(' or ')}`
  return { wants: undefined, key, value, warnings: [{ kind: 'invalid-value', key, value, message }] }
}

function permitted(asked: Wish, allowOptOut: boolean): Wish {
  if (asked.wants !== 'out' || allowOptOut) return asked
  const { key, value } = asked
  const message = `${said(asked)} is ignored: allowPodOptOut is false, so a pod cannot leave the mesh by itself`
  return { wants: undefined, key, value, warnings: [{ kind: 'opt-out-not-allowed', key, value, message }] }
}
