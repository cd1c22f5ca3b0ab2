// SPDX-License-Identifier: Apache-2.0

import type { CheckResult, Probe } from './result.ts'

/** Whether an agent answers on the control socket. */
export function agentProbe(isRunning: () => Promise<boolean>, path: string): Probe {
  return {
    family: 'agent',
    run: async (): Promise<CheckResult[]> => [
      {
        feature: 'agent',
        status: 'ok',
        found: (await isRunning()) ? `one runs and listens on ${path}` : `none listens on ${path}`
      }
    ]
  }
}
