// SPDX-License-Identifier: Apache-2.0
// An agent that ends asks a real API server whether it is uninstalled.

import { pino } from 'pino'
import { firstValueFrom, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { ApiRequest } from '../../observer/kubernetes/api.ts'
import { OwnDaemonSet } from '../../observer/kubernetes/own-daemon-set.ts'
import { until } from './kube/until.ts'
import { openNobody } from './nobody.ts'

const nobody = openNobody(0)

describe('the DaemonSet question', () => {
  const name = 'sluice'
  const labels = { app: 'none' }
  const spec = {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { nodeSelector: { no: 'node' }, containers: [{ name: 'none', image: 'none' }] }
    }
  }

  const collection = () => `/apis/apps/v1/namespaces/${nobody.namespace.name}/daemonsets`

  async function met(): Promise<OwnDaemonSet> {
    const { api, namespace } = nobody
    const asked: Observable<unknown>[] = []
    const noting = {
      answer: (request: ApiRequest) => {
        const answer$ = api.answer(request)
        asked.push(answer$)
        return answer$
      }
    }
    const options = { api: noting, name: { namespace: namespace.name, name }, log: pino({ enabled: false }) }
    const daemonSet = new OwnDaemonSet(options)
    daemonSet.meet()
    await until('asked', () => asked.length > 0)
    await firstValueFrom(api.answer({ path: `${collection()}/${name}` }))
    return daemonSet
  }

  it.each(['Foreground', 'Background'])(
    'tells an upgrade from an uninstall: %s',
    async (propagationPolicy) => {
      await nobody.scene.api.ask('POST', collection(), { metadata: { name }, spec })
      const upgraded = await met()
      expect(await upgraded.isUninstalled()).toBe(false)
      const uninstalled = await met()
      await nobody.scene.api.ask('DELETE', `${collection()}/${name}?propagationPolicy=${propagationPolicy}`)
      expect(await uninstalled.isUninstalled()).toBe(true)
      await until(
        'gone',
        () => nobody.scene.api.find(`${collection()}/${name}`),
        (left) => left === undefined
      )
    }
  )
})
