// SPDX-License-Identifier: Apache-2.0

import { type ConfigInput, loadConfig } from '../../config/load.ts'
import { ConfigError, type ConfigProblem } from '../../config/problem.ts'

export const file = (text: string) => ({ path: '/c.yaml', text })

/** Why the configuration is refused; none: it is not. */
export function problems(input: ConfigInput): readonly ConfigProblem[] {
  try {
    loadConfig(input)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
