// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type SelectionPolicy, UNSUPPORTED_RUNTIME_CLASSES } from '../../membership/policy.ts'
import { isZtunnel, select } from '../../membership/select.ts'
import type { Namespace, Pod } from '../../pods/pod.ts'
import { COLUMNS, expected, product, WITH_OPT_OUT, WITHOUT_OPT_OUT } from './oracle.ts'

const POLICY: SelectionPolicy = {
  excludeNamespaces: ['kube-system', 'cni'],
  allowPodOptOut: true,
  dnsCapture: true,
  ztunnel: { namespace: 'istio-system', serviceAccount: 'ztunnel' },
  agent: { namespace: 'sluice', serviceAccount: 'sluice-agent' },
  unsupportedRuntimeClasses: UNSUPPORTED_RUNTIME_CLASSES
}
const STRICT: SelectionPolicy = { ...POLICY, allowPodOptOut: false }

const AMBIENT = 'sluice.mesh/ambient'
const REDIRECTION = 'ambient.istio.io/redirection'
const MODE = 'istio.io/dataplane-mode'
const IN: Namespace = { name: 'shop', labels: { [MODE]: 'ambient' }, annotations: {} }

function pod(fields: Partial<Pod> = {}): Pod {
  const nothing = { labels: {}, annotations: {}, hostNetwork: false, ips: [], runtimeClass: undefined }
  const names = { uid: 'u', namespace: 'shop', name: 'cart', serviceAccount: 'default', origin: 'cart.yaml' }
  return { ...nothing, ...names, phase: 'Running', ...fields }
}

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

describe('a warning', () => {
  const kinds = (fields: Partial<Pod>, policy = POLICY, namespace: Namespace | undefined = IN) =>
    select(pod(fields), namespace, policy).warnings.map(({ kind, key, value }) => [kind, key, value])
  const invalid = 'invalid-value'
  const refused = 'opt-out-not-allowed'

  it.each([
    [
      'contradicting annotations',
      { [AMBIENT]: 'true', [REDIRECTION]: 'disabled' },
      POLICY,
      [['conflict', REDIRECTION, 'disabled']]
    ],
    ['annotations that agree', { [AMBIENT]: 'false', [REDIRECTION]: 'disabled' }, POLICY, []],
    ["an agent's own report", { [AMBIENT]: 'false', [REDIRECTION]: 'enabled' }, POLICY, []],
    ['another value', { [AMBIENT]: 'TRUE' }, POLICY, [[invalid, AMBIENT, 'TRUE']]],
    ['an empty value', { [AMBIENT]: '' }, POLICY, [[invalid, AMBIENT, '']]],
    [
      'another value of redirection',
      { [REDIRECTION]: 'Disabled' },
      POLICY,
      [[invalid, REDIRECTION, 'Disabled']]
    ],
    [
      'invalid and disabled',
      { [AMBIENT]: 'on', [REDIRECTION]: 'disabled' },
      POLICY,
      [[invalid, AMBIENT, 'on']]
    ],
    ['out, not allowed', { [AMBIENT]: 'false' }, STRICT, [[refused, AMBIENT, 'false']]],
    [
      'both out, not allowed',
      { [AMBIENT]: 'false', [REDIRECTION]: 'disabled' },
      STRICT,
      [
        [refused, AMBIENT, 'false'],
        [refused, REDIRECTION, 'disabled']
      ]
    ],
    [
      'in and out, not allowed',
      { [AMBIENT]: 'true', [REDIRECTION]: 'disabled' },
      STRICT,
      [[refused, REDIRECTION, 'disabled']]
    ],
    ['nothing', {}, STRICT, []]
  ])('is given for %s', (_, annotations, policy, warnings) => {
    expect(kinds({ annotations: annotations as Record<string, string> }, policy)).toEqual(warnings)
  })

  it("is given for a pod's label, and for the namespace's values when they are asked", () => {
    expect(kinds({ labels: { [MODE]: 'none' } }, STRICT)).toEqual([[refused, MODE, 'none']])
    expect(kinds({ labels: { [MODE]: 'no' } })).toEqual([[invalid, MODE, 'no']])
    const namespace = { name: 'shop', labels: { [MODE]: 'x' }, annotations: { [AMBIENT]: 'y' } }
    expect(kinds({}, POLICY, namespace)).toEqual([
      [invalid, AMBIENT, 'y'],
      [invalid, MODE, 'x']
    ])
    expect(kinds({ labels: { [MODE]: 'ambient' } }, POLICY, namespace)).toEqual([])
  })

  it('says in a sentence what was written and what is accepted', () => {
    const [warning] = select(pod({ annotations: { [AMBIENT]: 'on' } }), IN, POLICY).warnings
    expect(warning?.message).toBe('sluice.mesh/ambient: on is not understood and ignored; use true or false')
    const [other] = select(pod({ annotations: { [REDIRECTION]: 'off' } }), IN, POLICY).warnings
    expect(other?.message).toMatch(/use disabled$/)
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

describe('for any pod', () => {
  const values = fc.dictionary(
    fc.oneof(
      fc.constantFrom(AMBIENT, REDIRECTION, MODE, 'app', 'sidecar.istio.io/status', '__proto__'),
      fc.string()
    ),
    fc.oneof(
      fc.constantFrom('true', 'false', 'ambient', 'none', 'disabled', 'ztunnel', 'toString'),
      fc.string()
    )
  )
  const anyPod = fc.record({
    namespace: fc.constantFrom('shop', 'kube-system', 'istio-system', 'sluice'),
    serviceAccount: fc.constantFrom('default', 'ztunnel', 'sluice-agent'),
    labels: values,
    annotations: values,
    hostNetwork: fc.boolean(),
    phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'),
    runtimeClass: fc.option(fc.constantFrom('kata-fc', 'runc'), { nil: undefined })
  })
  const anyNamespace = fc.option(
    fc.record({ name: fc.constant('shop'), labels: values, annotations: values }),
    {
      nil: undefined
    }
  )
  const anyPolicy = fc.boolean().map((allowPodOptOut): SelectionPolicy => ({ ...POLICY, allowPodOptOut }))

  it('selection answers, in one sentence, and keeps the excluded out', () => {
    fc.assert(
      fc.property(anyPod, anyNamespace, anyPolicy, (fields, namespace, policy) => {
        const membership = select(pod(fields), namespace, policy)
        expect(['in', 'out', 'unsupported']).toContain(membership.decision)
        expect(membership.reason).not.toBe('')
        const excluded = policy.excludeNamespaces.includes(fields.namespace)
        const ended = fields.phase === 'Succeeded' || fields.phase === 'Failed'
        if (excluded || fields.hostNetwork || ended) expect(membership.decision).toBe('out')
        if (excluded || fields.hostNetwork) expect(membership.neverHeld).toBe(true)
        if (fields.runtimeClass === 'kata-fc') expect(membership.decision).not.toBe('in')
      })
    )
  })

  it('a pod cannot leave by itself where that is not allowed', () => {
    fc.assert(
      fc.property(anyPod, anyNamespace, (fields, namespace) => {
        const policy = { ...POLICY, allowPodOptOut: false }
        const silent = select(pod({ ...fields, annotations: {}, labels: {} }), namespace, policy)
        const { 'sidecar.istio.io/status': _, ...annotations } = fields.annotations
        const { app: __, ...labels } = fields.labels
        const asked = select(pod({ ...fields, annotations, labels }), namespace, policy)
        if (silent.decision === 'in') expect(asked.decision).toBe('in')
      })
    )
  })

  it('lower levels say nothing once a higher one has spoken', () => {
    const spoken = fc.constantFrom('true', 'false')
    fc.assert(
      fc.property(anyPod, anyNamespace, anyNamespace, spoken, (fields, one, other, value) => {
        const asked = pod({ ...fields, annotations: { ...fields.annotations, [AMBIENT]: value } })
        expect(select(asked, one, POLICY)).toEqual(select(asked, other, POLICY))
      })
    )
  })
})
