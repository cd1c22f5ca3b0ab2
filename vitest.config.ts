// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config'

// Forks: an addon that aborts costs one worker, not the run. The layers are ranked in e2e/README.md.
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['observer/test/**/*.test.ts', '.ci/test/**/*.test.ts'] }
      },
      { extends: true, test: { name: 'native', include: ['native/test/**/*.test.ts'], testTimeout: 30_000 } },
      { extends: true, test: { name: 'kernel', include: ['kernel/test/**/*.test.ts'], testTimeout: 30_000 } },
      {
        extends: true,
        test: {
          name: 'netns',
          include: ['e2e/netns/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000
        }
      }
    ]
  }
})
