// SPDX-License-Identifier: Apache-2.0
import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string
    /** Why the first try failed, of a test that passed when it was tried again. */
    firstFailure?: string
  }
}

/** Puts into each test's meta, which the json reporter writes out, what that reporter leaves out. */
export default class TestNotes implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'skipped' && result.note !== undefined) test.meta().skipReason = result.note
        if (result.state === 'passed' && test.diagnostic()?.flaky)
          test.meta().firstFailure = result.errors?.[0]?.message ?? 'no reason given'
      }
    }
  }
}
