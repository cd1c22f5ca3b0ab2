// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import { EXIT, type ExitCode } from './exit.ts'

export async function pauseCommand(config: Config, paused: boolean): Promise<ExitCode> {
  const { pause } = await import('../pause.ts')
  process.stdout.write(pauseText(paused, pause(config, paused)))
  return EXIT.fine
}

function pauseText(paused: boolean, changed: boolean): string {
  const already = changed ? '' : 'already '
  return paused
    ? `${already}paused: every new connection passes in the clear until sluice resume\n`
    : `${already}resumed: new connections of enrolled pods go to ztunnel, and held pods wait\n`
}
