// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
export async function cleanup(config: Config, log: Logger): Promise<Record<string, number>> {
  log.debug({ config }, 'pending')
  return {}
}
