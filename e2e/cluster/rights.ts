// SPDX-License-Identifier: Apache-2.0
// The agent's way to the API server as somebody who has these rights and no others, and what it is denied.

import type { V1PolicyRule } from '@kubernetes/client-node'
import { catchError, type Observable, tap, throwError } from 'rxjs'
import { type ApiRequest, HttpsApi, type KubernetesApi } from '../../observer/kubernetes/api.ts'
import type { Credentials } from '../../observer/kubernetes/credentials.ts'
import { ApiFailure } from '../../observer/kubernetes/failure.ts'
import type { Api } from './kube/api.ts'
import { until } from './kube/until.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews'

export interface Right {
  readonly verb: string
  readonly group: string
  readonly resource: string
  /** Of the only object for which it holds. */
  readonly name?: string | undefined
}

/** "patch pods/status" */
export function told({ verb, resource }: Right): string {
  return `${verb} ${resource}`
}

export function rightsOf(rules: readonly V1PolicyRule[]): Right[] {
  return rules.flatMap(({ apiGroups = [], resources = [], resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => ({ verb, group, resource, name: resourceNames?.[0] }))
      )
    )
  )
}

/** Gives a service account these rights, and waits until that is known. @returns takes them back */
export async function grant(
  api: Api,
  account: { readonly namespace: string; readonly name: string },
  rights: readonly Right[]
): Promise<() => Promise<void>> {
  const name = `${account.namespace}-${account.name}`
  const rules = rights.map(({ verb, group, resource, name }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb],
    ...(name === undefined ? {} : { resourceNames: [name] })
  }))
  await api.ask('POST', `${RBAC}/clusterroles`, { metadata: { name }, rules })
  await api.ask('POST', `${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', ...account }]
  })
  const user = `system:serviceaccount:${account.namespace}:${account.name}`
  for (const { verb, group, resource: whole, name } of rights) {
    const [resource, subresource] = whole.split('/')
    const resourceAttributes = { verb, group, resource, subresource, name }
    await until(
      `${user} may ${verb} ${whole}`,
      () =>
        api.ask<{ status: { allowed: boolean } }>('POST', REVIEWS, { spec: { user, resourceAttributes } }),
      ({ status }) => status.allowed
    )
  }
  return async () => {
    await api.ask('DELETE', `${RBAC}/clusterrolebindings/${name}`)
    await api.ask('DELETE', `${RBAC}/clusterroles/${name}`)
  }
}

/** A way to the API server that remembers what was granted and what was forbidden, as `told` says it. */
export class Watched implements KubernetesApi {
  readonly granted = new Set<string>()
  readonly denied = new Set<string>()
  readonly #api: HttpsApi

  constructor(credentials: Credentials) {
    this.#api = new HttpsApi(credentials)
  }

  get server(): string {
    return this.#api.server
  }

  answer(request: ApiRequest): Observable<unknown> {
    return this.#noting(request, this.#api.answer(request))
  }

  stream(request: ApiRequest): ReturnType<KubernetesApi['stream']> {
    return this.#noting(request, this.#api.stream(request))
  }

  #noting<T>(request: ApiRequest, answer$: Observable<T>): Observable<T> {
    return answer$.pipe(
      tap(() => this.granted.add(asked(request))),
      catchError((error: unknown) => {
        if (error instanceof ApiFailure && error.status === 403) this.denied.add(asked(request))
        return throwError(() => error)
      })
    )
  }
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PATCH: 'patch' }

function asked({ method = 'GET', path, query }: ApiRequest): string {
  const [resource = '', name, subresource] = path
    .replace(/^\/(?:api|apis\/[^/]+)\/v1\//, '')
    .replace(/^namespaces\/[^/]+\/(?=.)/, '')
    .split('/')
  const reading = query?.watch === undefined ? (name === undefined ? 'list' : 'get') : 'watch'
  const what = subresource === undefined ? resource : `${resource}/${subresource}`
  return `${VERBS[method] ?? reading} ${what}`
}
