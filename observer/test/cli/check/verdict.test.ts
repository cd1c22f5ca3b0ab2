// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { type CheckStatus, EXIT_CODES, type Probe, runProbes, verdict } from '../../../cli/check/result.ts'
import { checkText } from '../../../cli/check/text.ts'

const probe = (family: string, ...statuses: CheckStatus[]): Probe => ({
  family,
  run: () => statuses.map((status, index) => ({ feature: `${family}${index}`, status, found: 'seen' }))
})

describe('the verdict', () => {
  it.each([
    [[], 'fine', 0],
    [['ok', 'ok'], 'fine', 0],
    [['ok', 'skipped'], 'fine', 0],
    [['ok', 'degraded', 'skipped'], 'degraded', 1],
    [['degraded', 'missing', 'ok'], 'unusable', 2]
  ] as const)('of %j is %s', (statuses, expected, code) => {
    expect(verdict(statuses.map((status) => ({ status })))).toBe(expected)
    expect(EXIT_CODES[expected]).toBe(code)
  })
})

describe('probes', () => {
  it('run one after the other, in order', async () => {
    const order: string[] = []
    const slow = (family: string, ms: number): Probe => ({
      family,
      run: async () => {
        order.push(`${family} begins`)
        await new Promise((resolve) => setTimeout(resolve, ms))
        order.push(`${family} ends`)
        return []
      }
    })
    await runProbes([slow('a', 10), slow('b', 0)])
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })

  it('that throw make the node unusable, and the others still run', async () => {
    const broken: Probe = {
      family: 'broken',
      run: () => {
        throw new Error('EIO')
      }
    }
    const report = await runProbes([broken, probe('b', 'ok')])
    expect(report.verdict).toBe('unusable')
    expect(report.results).toEqual([
      { family: 'broken', feature: 'broken', status: 'missing', found: 'could not be tried: EIO' },
      { family: 'b', feature: 'b0', status: 'ok', found: 'seen' }
    ])
  })
})

describe('the text', () => {
  it('lets no control character of a process’s name through', () => {
    const results = [
      { family: 'capture', feature: 'pid 7 (\x1b[2J)', status: 'degraded', found: 'ISTIO_\x1b[2J' } as const
    ]
    expect(checkText({ verdict: 'degraded', results }, false)).not.toContain('\x1b')
  })

  it('has a line for each feature, its meaning and remedy, and the verdict', () => {
    const text = checkText(
      {
        verdict: 'unusable',
        results: [
          { family: 'a', feature: 'BTF', status: 'ok', found: 'yes' },
          {
            family: 'a',
            feature: 'bpffs',
            status: 'missing',
            found: 'no',
            meaning: 'nothing is kept',
            remedy: 'mount it'
          }
        ]
      },
      false
    )
    expect(text).toBe(`ok        BTF    yes
missing   bpffs  no
          means: nothing is kept
          remedy: mount it

Sluice cannot run on this node: see the lines marked missing.
`)
  })
})
