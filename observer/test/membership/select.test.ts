// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { isZtunnel, select } from '../../membership/select.ts'
import type { Namespace, Pod } from '../../pods/pod.ts'
import { AMBIENT, IN, MODE, POLICY, pod, REDIRECTION, STRICT } from './asking.ts'
import { COLUMNS, expected, product, WITH_OPT_OUT, WITHOUT_OPT_OUT } from './oracle.ts'

function given(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== '-')
  )
}

describe('every combination of annotations and labels', () => {
  it.each([
    ['with opt-out', POLICY, WITH_OPT_OUT],
    ['without opt-out', STRICT, WITHOUT_OPT_OUT]
  ])('%s is decided as the table says', (_, policy, rows) => {
    const combinations = product(COLUMNS)
    expect(combinations).toHaveLength(5 * 5 * 4 * 4 * 4)
    for (const values of combinations) {
      const [own, redirection, podLabel, namespaceAnnotation, namespaceLabel] = values
      const annotations = given({ [AMBIENT]: own, [REDIRECTION]: redirection })
      const labels = given({ [MODE]: podLabel })
      const namespace: Namespace = {
        name: 'shop',
        annotations: given({ [AMBIENT]: namespaceAnnotation }),
        labels: given({ [MODE]: namespaceLabel })
      }
      const { decision, decidedBy } = select(pod({ annotations, labels }), namespace, policy)
      expect({ values, decision, decidedBy }).toEqual({ values, ...expected(rows, values) })
    }
  })

  it('is decided for a namespace that nobody knows as for one that says nothing', () => {
    for (const [value] of product([COLUMNS[0]])) {
      const asked = pod({ annotations: given({ [AMBIENT]: value }) })
      const silent = { name: 'shop', labels: {}, annotations: {} }
      expect(select(asked, undefined, POLICY)).toEqual(select(asked, silent, POLICY))
    }
  })
})

const ZTUNNEL = { namespace: 'istio-system', serviceAccount: 'ztunnel', labels: { app: 'ztunnel' } }

describe('never in the mesh, whatever is asked', () => {
  const asked = { annotations: { [AMBIENT]: 'true' }, labels: { [MODE]: 'ambient' } }
  const sidecar = { annotations: { ...asked.annotations, 'sidecar.istio.io/status': '' } }

  // In the order in which the rules speak: each row also carries everything of the rows below it.
  const ladder: [string, Partial<Pod>][] = [
    ['completed', { phase: 'Succeeded' }],
    ['host-network', { hostNetwork: true }],
    ['sidecar', sidecar],
    ['ztunnel', { ...ZTUNNEL, labels: { ...asked.labels, app: 'ztunnel' } }],
    ['excluded-namespace', { namespace: 'cni' }]
  ]
  it.each(ladder)('%s', (decidedBy, fields) => {
    const { decision, reason } = select(pod({ ...asked, ...fields }), IN, POLICY)
    expect({ decision, decidedBy: select(pod({ ...asked, ...fields }), IN, POLICY).decidedBy }).toEqual({
      decision: 'out',
      decidedBy
    })
    expect(reason).toMatch(/^.{5,60}$/)
  })

  it('names the highest rule where several speak', () => {
    const policy = { ...POLICY, excludeNamespaces: ['istio-system', 'cni'] }
    ladder.forEach(([decidedBy], index) => {
      const rules = ladder.slice(index).map(([, rule]) => rule)
      const fields: Partial<Pod> = Object.assign({}, ...rules.toReversed())
      expect(select(pod({ ...asked, ...fields }), IN, policy).decidedBy).toBe(decidedBy)
    })
  })

  it('the agent, where it runs as a pod', () => {
    const agent = pod({ ...asked, namespace: 'sluice', serviceAccount: 'sluice-agent' })
    expect(select(agent, IN, POLICY)).toMatchObject({ decision: 'out', decidedBy: 'agent', neverHeld: true })
    expect(select(agent, IN, { ...POLICY, agent: undefined }).decision).toBe('in')
  })

  it.each(['Succeeded', 'Failed'] as const)('a pod that is %s', (phase) => {
    expect(select(pod({ ...asked, phase }), IN, POLICY)).toMatchObject({
      decision: 'out',
      decidedBy: 'completed'
    })
  })
})

describe('ztunnel', () => {
  it.each([
    ['label, namespace and service account', ZTUNNEL, true],
    ['the label elsewhere', { ...ZTUNNEL, namespace: 'shop' }, false],
    ['the label of another account', { ...ZTUNNEL, serviceAccount: 'default' }, false],
    ['the account without the label', { ...ZTUNNEL, labels: {} }, false],
    ['another app', { ...ZTUNNEL, labels: { app: 'istiod' } }, false]
  ])('%s', (_, fields, expectation) => {
    expect(isZtunnel(pod(fields), POLICY)).toBe(expectation)
    expect(select(pod(fields), IN, POLICY).decidedBy === 'ztunnel').toBe(expectation)
  })
})

describe('a runtime class with a kernel of its own', () => {
  it.each(['gvisor', 'runsc', 'kata', 'kata-qemu', 'kata-clh', 'kata-fc'])(
    '%s is unsupported when asked for',
    (name) => {
      const membership = select(pod({ runtimeClass: name }), IN, POLICY)
      expect(membership).toMatchObject({ decision: 'unsupported', decidedBy: 'runtime-class' })
      expect(membership.reason).toContain(name)
      expect(select(pod({ runtimeClass: name }), undefined, POLICY)).toMatchObject({
        decision: 'out',
        decidedBy: 'default'
      })
    }
  )

  it.each(['runc', 'crun', 'katana', 'nvidia', 'my-kata'])('%s is none', (runtimeClass) => {
    expect(select(pod({ runtimeClass }), IN, POLICY).decision).toBe('in')
  })
})

describe('never held', () => {
  it.each([
    ['an ordinary pod', {}, false],
    ['hostNetwork', { hostNetwork: true }, true],
    ['an excluded namespace', { namespace: 'kube-system' }, true],
    ["ztunnel's and istiod's namespace", { namespace: 'istio-system' }, true],
    ['the agent', { namespace: 'sluice', serviceAccount: 'sluice-agent' }, true],
    ["another pod of the agent's namespace", { namespace: 'sluice' }, false],
    ['a false ztunnel', { ...ZTUNNEL, namespace: 'shop' }, false]
  ])('%s: %j', (_, fields, expectation) => {
    expect(select(pod(fields), IN, POLICY).neverHeld).toBe(expectation)
  })
})
