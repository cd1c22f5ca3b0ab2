// SPDX-License-Identifier: Apache-2.0
// What the agent may ask of the API server is what it asks: the role, compared with the audit log.

import { readFile } from 'node:fs/promises'
import type { V1PolicyRule } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { NEXT_TAG } from './images/sluice.ts'
import { until } from './kube/until.ts'
import { Carried } from './mesh/carried.ts'
import { AMBIENT } from './mesh/names.ts'
import { SLUICE_NAMESPACE } from './mesh/sluice.ts'
import { auditLog } from './node/control-plane.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly objectRef?: {
    readonly resource: string
    readonly subresource?: string
    readonly apiGroup?: string
    readonly name?: string
  }
  readonly annotations?: Readonly<Record<string, string>>
}

/** Of the roles alone: a namespace that ends refuses for its own reasons. */
const DECISION = 'authorization.k8s.io/decision'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'

/** "patch pods/status"; with the object's name where only that is allowed. */
async function allowed(): Promise<string[]> {
  const paths = [`${RBAC}/clusterroles/sluice`, `${RBAC}/namespaces/${SLUICE_NAMESPACE}/roles/sluice`]
  const roles = await Promise.all(paths.map((path) => scene.api.ask<{ rules: V1PolicyRule[] }>('GET', path)))
  const granted = roles.flatMap(({ rules }) =>
    rules.flatMap(({ verbs, resources = [], resourceNames = [''] }) =>
      verbs.flatMap((verb) =>
        resources.flatMap((resource) => resourceNames.map((name) => `${verb} ${resource} ${name}`.trim()))
      )
    )
  )
  return [...new Set(granted)].toSorted()
}

async function events(file: string): Promise<AuditEvent[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  const user = `system:serviceaccount:${SLUICE_NAMESPACE}:sluice`
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user: { username } }) => username === user)
}

function asked(seen: readonly AuditEvent[]): string[] {
  const used = seen.map(({ verb, objectRef }) => {
    const { resource = '', subresource, name = '' } = objectRef ?? {}
    const what = subresource === undefined ? resource : `${resource}/${subresource}`
    return `${verb} ${what} ${resource === 'daemonsets' ? name : ''}`.trim()
  })
  return [...new Set(used)].toSorted()
}

describe('the role', () => {
  it('allows what the agent asks for, and nothing that it does not', async ({ skip }) => {
    if (scene.state === null) return skip('the audit log is on the node')
    await scene.sluice.install()
    const pod = await (await scene.namespace('audit')).run('pod', { annotations: { [AMBIENT]: 'true' } })
    await carried.joined(pod)
    await pod.annotate(AMBIENT, null)
    await carried.left(pod)
    await scene.sluice.install({ 'image.tag': NEXT_TAG })
    const file = auditLog(scene.state)
    const granted = await allowed()
    const seen = await until(
      'everything that is allowed has been asked for',
      () => events(file),
      (all) => granted.every((right) => asked(all).includes(right)),
      { timeoutMs: 30_000, everyMs: 500 }
    )
    expect(asked(seen)).toEqual(granted)
    // An API server that has just started forbids for a moment what it will allow.
    expect(asked(seen.filter(({ annotations }) => annotations?.[DECISION] === 'allow'))).toEqual(granted)
  })
})
