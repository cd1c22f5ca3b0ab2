// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import { isAgentRunning } from '../control/client.ts'
import { SluiceError } from '../errors/error.ts'
import { createLogger } from '../log/logger.ts'
import { EXIT, type ExitCode } from './exit.ts'

export async function cleanupCommand(
  config: Config,
  options: { readonly force: boolean }
): Promise<ExitCode> {
  if (!options.force && (await isAgentRunning(config.controlSocket))) {
    throw new SluiceError('SLUICE_ERR_CLEANUP_AGENT_RUNNING', { path: config.controlSocket })
  }
  const { cleanup } = await import('../cleanup.ts')
  const removed = await cleanup(config, createLogger({ ...config.log, format: 'text' }))
  process.stdout.write(removalText(removed))
  return EXIT.fine
}

/** One line for each kind of thing, in the order in which it was removed. */
export function removalText(removed: Readonly<Record<string, number>>): string {
  const lines = Object.entries(removed).flatMap(([what, count]) =>
    count > 0 ? [`removed ${count} ${what}`] : []
  )
  return `${lines.length === 0 ? 'nothing of Sluice was found' : lines.join('\n')}\n`
}
