// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { select } from '../../membership/select.ts'
import type { Namespace, Pod } from '../../pods/pod.ts'
import { AMBIENT, IN, MODE, POLICY, pod, REDIRECTION, STRICT } from './asking.ts'

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
