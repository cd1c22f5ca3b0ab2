// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config'

/** How many times longer than on a real machine everything may take: emulated kernels (e2e/kernels) set it. */
const patience = Number(process.env.TEST_PATIENCE ?? 1)

// Forks: an addon that aborts costs one worker, not the run. The layers are ranked in e2e/README.md.
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    // Conditions are awaited, never slept for: what comes on a busy machine comes late.
    testTimeout: 60_000 * patience,
    hookTimeout: 60_000 * patience,
    expect: { poll: { timeout: 30_000 * patience } },
    // The summary names what passed on a second try and says why the first failed, a property test's seed included.
    retry: process.env.CI ? 1 : 0,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['observer/test/**/*.test.ts', 'deploy/test/**/*.test.ts', '.ci/test/**/*.test.ts']
        }
      },
      { extends: true, test: { name: 'native', include: ['native/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'kernel', include: ['kernel/test/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'netns',
          include: ['e2e/netns/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000 * patience,
          hookTimeout: 180_000 * patience
        }
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: ['e2e/cluster/**/*.test.ts'],
          globalSetup: 'e2e/cluster/setup.ts',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        extends: true,
        test: {
          name: 'cluster-figures',
          include: ['e2e/cluster/**/*.figures.ts'],
          globalSetup: 'e2e/cluster/setup.ts',
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 300_000
        }
      }
    ]
  }
})
