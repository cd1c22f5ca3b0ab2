// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs'
import { SluiceError } from '../errors/error.ts'
import type { ConfigFile } from './layers.ts'
import { FILE_VARIABLE } from './layers.ts'

/** Read if it is there and no other file is named. */
export const DEFAULT_CONFIG_PATH = '/etc/sluice/config.yaml'

/**
 * @param path what `--config` names
 * @returns undefined when nobody named a file and the default one does not exist
 */
export function readConfigFile(
  path: string | undefined,
  env: Readonly<Record<string, string | undefined>>
): ConfigFile | undefined {
  const named = path ?? env[FILE_VARIABLE]
  const chosen = named ?? DEFAULT_CONFIG_PATH
  try {
    return { path: chosen, text: readFileSync(chosen, 'utf8') }
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SluiceError('SLUICE_ERR_CONFIG_FILE', { path: chosen }, error)
  }
}
