// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { countReport } from '../report.ts'

function report(files: { status: string; tests: [string, string?][] }[]): string {
  return JSON.stringify({
    testResults: files.map(({ status, tests }) => ({
      name: 'a.test.ts',
      status,
      message: '',
      assertionResults: tests.map(([state, skipReason]) => ({
        fullName: 'a test',
        status: state,
        meta: { skipReason }
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
      failed: 1,
      skipped: [
        { test: 'a test', reason: 'no MPTCP' },
        { test: 'a test', reason: undefined }
      ],
      broken: []
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
