// SPDX-License-Identifier: Apache-2.0
// What can be typed after `sluice`. Each command's code is loaded when it is chosen.

import { Argument, Command, CommanderError, Option } from 'commander'
import { DEFAULT_CONFIG_PATH, readConfigFile } from '../config/file.ts'
import { FILE_VARIABLE } from '../config/layers.ts'
import { loadConfig } from '../config/load.ts'
import { type Config, LOG_LEVELS } from '../config/schema.ts'
import { SETTINGS, type Setting, shown } from '../config/settings.ts'
import { logLevelChange } from '../control/protocol.ts'
import { EXIT, type ExitCode, errorText } from './exit.ts'
import { version } from './version.ts'

type Environment = Readonly<Record<string, string | undefined>>
type Flags = Readonly<Record<string, string | boolean | undefined>>
type Action = (config: Config, flags: Flags, words: readonly string[]) => Promise<ExitCode>

const ABOUT = `Steers the connections of pods to ztunnel, Istio ambient's proxy, without iptables.

One agent runs on each node. It learns which pods are in the mesh, and the kernel hands every connection of theirs to ztunnel, from the first one on.`

/** @returns the exit code; errors are told on stderr */
export async function run(args: readonly string[], env: Environment): Promise<ExitCode> {
  let code: ExitCode = EXIT.fine
  const program = new Command('sluice')
    .description(ABOUT)
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Explain a command')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nFirst steps:\n  sudo sluice check     does this node have what it takes?\n  sudo sluice agent     run the agent\n  sudo sluice status    which pods are steered?'
    )
  const add = (name: string, about: string, example: string, shownSettings: (key: string) => boolean) => {
    const [summary = ''] = about.split('\n')
    const command = program.command(name).summary(summary).description(about).exitOverride()
    command.addHelpText('after', `\nExample:\n  ${example}\n\nExit codes and more: docs/cli.md`)
    const where = `Read settings from this file (default: ${DEFAULT_CONFIG_PATH}, if it is there; or ${FILE_VARIABLE})`
    command.option('--config <path>', where)
    const does = (action: Action) =>
      command.action(async () => {
        const flags = command.opts<Flags>()
        code = await action(configOf(flags, env), flags, command.args)
      })
    const settle = () => {
      for (const setting of SETTINGS) command.addOption(settingOption(setting, shownSettings(setting.key)))
    }
    return { command, does, settle }
  }
  addCommands(add)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.unusable
    process.stderr.write(errorText(error))
    return EXIT.unusable
  }
  return code
}

type Add = (
  name: string,
  about: string,
  example: string,
  shownSettings: (key: string) => boolean
) => { command: Command; does: (action: Action) => Command; settle: () => void }

const SOCKET_AND_PINS = ['controlSocket', 'bpffs', 'pinDirectory']

function addCommands(add: Add): void {
  const agent = add(
    'agent',
    'Run the agent in the foreground until SIGTERM or SIGINT.\n\nPods stay steered after it has ended: `sluice cleanup` undoes that.',
    'sudo sluice agent --manifest.directory /srv/pods --log.format text',
    () => true
  )
  agent.does(async (config) => (await import('./agent.ts')).agentCommand(config))
  agent.settle()

  const status = add(
    'status',
    'Show the pods of this node: which are steered, which are not, and why.\n\nAsks the agent; when it is dead, shows what the kernel still holds.',
    'sudo sluice status --json | jq ".pods[] | select(.lastError)"',
    (key) => SOCKET_AND_PINS.includes(key)
  )
  status.command.option('--json', 'Print the whole report as JSON')
  status.command.option('--watch', 'Show it again every two seconds, until Ctrl-C')
  status.does(async (config, { json, watch }) => {
    const { statusCommand } = await import('./status/command.ts')
    return statusCommand(config, { json: json === true, watch: watch === true })
  })
  status.settle()

  const check = add(
    'check',
    'Try what Sluice needs on this node, feature by feature, and say what is missing.\n\nLeaves nothing behind, and may run beside an agent.',
    'sudo sluice check',
    (key) => [...SOCKET_AND_PINS, 'cgroupRoots'].includes(key)
  )
  check.command.option('--json', 'Print the results as JSON')
  check.does(async (config, { json }) => {
    const { checkCommand } = await import('./check/command.ts')
    return checkCommand(config, { json: json === true })
  })
  check.settle()

  const pause = add(
    'pause',
    'Let every connection on this node pass in the clear, until `sluice resume`.\n\nNothing is unloaded: connections that ztunnel carries go on, and the ports of ztunnel stay guarded. Works without an agent, and outlives those that start.',
    'sudo sluice pause',
    (key) => SOCKET_AND_PINS.includes(key)
  )
  pause.does(async (config) => (await import('./pause.ts')).pauseCommand(config, true))
  pause.settle()

  const resume = add(
    'resume',
    'End a pause: new connections of enrolled pods go to ztunnel again.',
    'sudo sluice resume',
    (key) => SOCKET_AND_PINS.includes(key)
  )
  resume.does(async (config) => (await import('./pause.ts')).pauseCommand(config, false))
  resume.settle()

  const logLevel = add(
    'log-level',
    'Change what the running agent logs, until it ends.',
    'sudo sluice log-level debug',
    (key) => key === 'controlSocket'
  )
  logLevel.command.addArgument(new Argument('<level>', 'The least severe lines to log').choices(LOG_LEVELS))
  logLevel.does(async (config, _, [level]) => {
    const { logLevelCommand } = await import('./log-level.ts')
    return logLevelCommand(config, logLevelChange.parse({ level }).level)
  })
  logLevel.settle()

  const cleanup = add(
    'cleanup',
    'Remove every program, map, link, rule, route and sysctl that Sluice has made on this node.\n\nPods in the mesh send their traffic in the clear afterwards, as they did before Sluice came.',
    'sudo sluice cleanup',
    (key) => [...SOCKET_AND_PINS, 'steering.protocol'].includes(key)
  )
  cleanup.command.option('--force', 'Even while an agent answers')
  cleanup.does(async (config, { force }) => {
    const { cleanupCommand } = await import('./cleanup.ts')
    return cleanupCommand(config, { force: force === true })
  })
  cleanup.settle()
}

function settingOption(setting: Setting, visible: boolean): Option {
  const { flag, kind, description, fallback, hex } = setting
  const told = fallback === undefined ? '' : ` (default: ${shown(fallback, hex)})`
  const option = new Option(kind === 'boolean' ? `${flag} [value]` : `${flag} <value>`, description + told)
  option.helpGroup('Settings (docs/configuration.md):')
  return visible ? option : option.hideHelp()
}

function configOf(flags: Flags, env: Environment): Config {
  const settings = SETTINGS.map(({ key }) => [key, flags[key]] as const)
  const path = typeof flags.config === 'string' ? flags.config : undefined
  return loadConfig({ file: readConfigFile(path, env), env, flags: Object.fromEntries(settings) })
}
