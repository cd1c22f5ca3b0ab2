// SPDX-License-Identifier: Apache-2.0
import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string
  }
}

/** Copies the note of `context.skip(note)` into the test's meta, which the json reporter writes out. */
export default class SkipNotes implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'skipped' && result.note !== undefined) test.meta().skipReason = result.note
      }
    }
  }
}
