// SPDX-License-Identifier: Apache-2.0

import { SluiceError } from '../errors/error.ts'

export interface ConfigProblem {
  /** Path of the setting; the variable's name for an unknown variable; empty for the file as a whole. */
  readonly key: string
  /** `/etc/sluice/config.yaml:3`, `environment variable SLUICE_X`, `flag --x` or `default`. */
  readonly origin: string
  readonly message: string
}

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends SluiceError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(
      ({ key, origin, message }) => `${key === '' ? '' : `${key} `}(${origin}): ${message}`
    )
    super('SLUICE_ERR_CONFIG_INVALID', { problems: lines.join('\n  ') })
    this.name = 'ConfigError'
    this.problems = problems
  }
}
