// SPDX-License-Identifier: Apache-2.0
// Every error that an operator can meet: SLUICE_ERR_<AREA>_<WHAT>. docs/errors.md lists the same table; a test
// holds them together. Messages: lower case, noun first; the cause is appended.

export interface ErrorEntry {
  readonly message: string
  readonly remedy?: string
}

export const ERRORS = {
  SLUICE_ERR_CONFIG_FILE: {
    message: 'configuration file {path} cannot be read',
    remedy: 'mend its path (--config, SLUICE_CONFIG) or its permissions; without either name the file is optional'
  },
  SLUICE_ERR_CONFIG_INVALID: {
    message: 'configuration is not accepted:\n  {problems}',
    remedy: 'each line names the setting, where its value came from and what is accepted; see docs/configuration.md'
  },
  SLUICE_ERR_MANIFEST_DIRECTORY: {
    message: 'manifest directory {path} cannot be read',
    remedy: 'create it, or name another with manifest.directory'
  }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
