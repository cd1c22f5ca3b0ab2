// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CaptureView,
  captureResults,
  iptablesCaptures,
  nftCaptures,
  RULE_TOOLS
} from '../../../cli/check/capture.ts'

const ISTIO = `*mangle
:PREROUTING ACCEPT [0:0]
:ISTIO_PRERT - [0:0]
-A PREROUTING -j ISTIO_PRERT
COMMIT
*nat
:OUTPUT ACCEPT [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_PRERT - [0:0]
-A OUTPUT -j ISTIO_OUTPUT
COMMIT
`

const places = () => [
  { name: 'the node', pid: 1 },
  { name: 'pid 9 (app)', pid: 9 }
]
const view = (output: CaptureView['output']): CaptureView => ({ tools: RULE_TOOLS, places, output })

it.each([
  [ISTIO, ['ISTIO_PRERT', 'ISTIO_OUTPUT']],
  [':KUBE-SERVICES - [0:0]\n# ISTIO_OUTPUT\n-A OUTPUT -m comment --comment ":ISTIO_OUTPUT " -j RETURN\n', []],
  ['', []]
])('iptables-save shows chains of Istio', (output, expected) => {
  expect(iptablesCaptures(output)).toEqual(expected)
})

it.each([
  ['table inet istio-ambient-nat\ntable ip filter\n', ['table istio-ambient-nat']],
  ['table ip nat\ntable ip my-istio\n', []]
])('nft shows tables of Istio', (output, expected) => {
  expect(nftCaptures(output)).toEqual(expected)
})

it('any output is read, and only what bears the name of Istio is told', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((rest) => `:ISTIO_${rest}`),
    fc.string().map((rest) => `table ip istio-${rest}`)
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const output = lines.join('\n')
      for (const chain of iptablesCaptures(output)) expect(chain).toMatch(/^ISTIO_[A-Z0-9_]+$/)
      for (const table of nftCaptures(output)) expect(table).toMatch(/^table istio-[\w-]+$/)
    })
  )
})

describe('foreign capture rules', () => {
  it('degrade, and the place is named', async () => {
    const found = await captureResults(
      view(({ command }, { pid }) => Promise.resolve(command === 'iptables-save' && pid === 9 ? ISTIO : ''))
    )
    expect(found).toEqual([
      expect.objectContaining({
        feature: 'foreign capture rules: pid 9 (app)',
        status: 'degraded',
        found: 'ISTIO_PRERT, ISTIO_OUTPUT'
      })
    ])
  })

  it('that are not there are fine', async () => {
    expect(await captureResults(view(() => Promise.resolve('')))).toEqual([
      expect.objectContaining({ status: 'ok', found: expect.stringContaining('2 network namespaces') })
    ])
  })

  it('cannot be looked for without the tools', async () => {
    expect(await captureResults(view(() => Promise.resolve(undefined)))).toEqual([
      expect.objectContaining({ status: 'skipped', found: 'neither iptables nor nft is installed here' })
    ])
  })

  it('that a tool could not list are not called absent', async () => {
    const [line] = await captureResults(view(() => Promise.reject(new Error('EPERM'))))
    expect(line).toMatchObject({
      status: 'skipped',
      found: expect.stringContaining('iptables-save in the node: EPERM')
    })
  })
})
