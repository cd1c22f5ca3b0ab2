// SPDX-License-Identifier: Apache-2.0
// summary.ts LAYER... [--failed STEP]...: adds up reports/LAYER.json. What has no test of its own (a missing
// report, a file that did not load, a step of .ci/run, a skip without a reason) counts as one failure.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { countReport, type Outcome } from './report.ts'

/** Of a failure's message and stack, so many lines are repeated at the end. */
const FAILURE_LINES = 15

function beginning(failure: string): string {
  return failure.split('\n').slice(0, FAILURE_LINES).join('\n')
}

function readOutcome(layer: string): Outcome {
  try {
    const outcome = countReport(readFileSync(`reports/${layer}.json`, 'utf8'))
    // vitest's report says nothing of an unhandled error, its exit code does.
    const exit = readFileSync(`reports/${layer}.exit`, 'utf8').trim()
    if (exit !== '0' && outcome.failed.length + outcome.broken.length === 0) {
      outcome.broken.push(`the runner exited with ${exit} though no test failed`)
    }
    return outcome
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    return { passed: 0, failed: [], skipped: [], secondTry: [], broken: [`no usable report: ${cause}`] }
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { failed: { type: 'string', multiple: true, default: [] } }
})

const total = { passed: 0, failed: 0, skipped: 0 }
const secondTry: string[] = []
for (const layer of positionals) {
  const outcome = readOutcome(layer)
  const unexplained = outcome.skipped.filter(({ reason }) => reason === undefined)
  const failed = outcome.failed.length + outcome.broken.length + unexplained.length
  const skipped = outcome.skipped.length - unexplained.length
  for (const { test, failure } of outcome.failed) {
    console.log(`${layer}: failed: ${test}: ${beginning(failure)}`)
  }
  for (const what of outcome.broken) console.log(`${layer}: failed: ${what}`)
  for (const { test, reason } of outcome.skipped) {
    console.log(`${layer}: skipped: ${test}: ${reason ?? 'no reason given, counted as a failure'}`)
  }
  for (const { test, failure } of outcome.secondTry) {
    console.log(`${layer}: passed on a second try: ${test}: ${beginning(failure)}`)
  }
  console.log(`${layer}: ${outcome.passed} passed, ${failed} failed, ${skipped} skipped`)
  secondTry.push(...outcome.secondTry.map(({ test }) => test))
  total.passed += outcome.passed
  total.failed += failed
  total.skipped += skipped
}
for (const step of values.failed) console.log(`${step}: failed`)
total.failed += values.failed.length
if (secondTry.length > 0) console.log(`${secondTry.length} passed on a second try: ${secondTry.join('; ')}`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
