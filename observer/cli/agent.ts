// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import { createLogger } from '../log/logger.ts'
import { EXIT, type ExitCode } from './exit.ts'

export async function agentCommand(config: Config): Promise<ExitCode> {
  const logger = createLogger(config.log)
  try {
    const { runAgent } = await import('../agent.ts')
    await runAgent(config, logger)
    return EXIT.fine
  } catch (error) {
    // In the log and nowhere else: a collector reads lines, not a message for people.
    logger.fatal({ err: error }, 'agent ends')
    return EXIT.unusable
  }
}
