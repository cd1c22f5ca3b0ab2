// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { countReport } from '../report.ts'

function report(files: { status: string; tests: [string, (string | undefined)?, string?][] }[]): string {
  return JSON.stringify({
    testResults: files.map(({ status, tests }) => ({
      name: 'a.test.ts',
      status,
      message: '',
      assertionResults: tests.map(([state, skipReason, firstFailure]) => ({
        fullName: 'a test',
        status: state,
        failureMessages: state === 'failed' ? ['was 2\n    at a.test.ts:1'] : [],
        meta: { skipReason, firstFailure }
      }))
    }))
  })
}

describe('counting a report', () => {
  it('adds up states and keeps the reasons of skips', () => {
    const outcome = countReport(
      report([
        { status: 'failed', tests: [['passed'], ['failed'], ['skipped', 'no MPTCP'], ['todo']] },
        { status: 'passed', tests: [['passed']] }
      ])
    )
    expect(outcome).toEqual({
      passed: 2,
      failed: [{ test: 'a test', failure: 'was 2\n    at a.test.ts:1' }],
      skipped: [
        { test: 'a test', reason: 'no MPTCP' },
        { test: 'a test', reason: undefined }
      ],
      secondTry: [],
      broken: []
    })
  })

  it('names what passed only when it was tried again, and counts it once', () => {
    const text = report([{ status: 'passed', tests: [['passed', undefined, 'was 1'], ['passed']] }])
    expect(countReport(text)).toMatchObject({
      passed: 2,
      failed: [],
      secondTry: [{ test: 'a test', failure: 'was 1' }]
    })
  })

  it.each([
    ['a file that did not load', report([{ status: 'failed', tests: [] }]), 'did not finish'],
    ['a run without tests', report([]), 'no test ran']
  ])('calls %s broken', (_, text, words) => {
    expect(countReport(text).broken).toEqual([expect.stringContaining(words)])
  })

  it('throws on a report that was cut off', () => {
    expect(() => countReport('{"success": tr')).toThrow(SyntaxError)
  })
})
