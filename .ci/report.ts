// SPDX-License-Identifier: Apache-2.0

export interface Outcome {
  passed: number
  /** failure is the message with its stack. */
  failed: { test: string; failure: string }[]
  skipped: { test: string; reason: string | undefined }[]
  /** Passed, but only when tried again. */
  secondTry: { test: string; failure: string }[]
  /** What failed besides single tests: a file that did not load, a worker that crashed. */
  broken: string[]
}

interface Assertion {
  fullName: string
  status: string
  failureMessages?: string[] | null
  meta?: { skipReason?: string; firstFailure?: string }
}

interface Report {
  testResults: { name: string; status: string; message: string; assertionResults: Assertion[] }[]
}

/** Counts one vitest json report. A report without a single test is broken. Throws SyntaxError if it is not JSON. */
export function countReport(text: string): Outcome {
  const report = JSON.parse(text) as Report
  const outcome: Outcome = { passed: 0, failed: [], skipped: [], secondTry: [], broken: [] }
  for (const file of report.testResults) {
    const failedBefore = outcome.failed.length
    for (const test of file.assertionResults) {
      const failure = test.meta?.firstFailure
      if (failure !== undefined) outcome.secondTry.push({ test: test.fullName, failure })
      if (test.status === 'passed') outcome.passed++
      else if (test.status === 'failed') {
        outcome.failed.push({ test: test.fullName, failure: test.failureMessages?.[0] ?? 'no reason given' })
      } else outcome.skipped.push({ test: test.fullName, reason: test.meta?.skipReason })
    }
    if (file.status !== 'passed' && outcome.failed.length === failedBefore)
      outcome.broken.push(`${file.name}: ${file.message || 'did not finish'}`)
  }
  if (report.testResults.length === 0) outcome.broken.push('no test ran')
  return outcome
}
