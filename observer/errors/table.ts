// SPDX-License-Identifier: Apache-2.0
// Every error that an operator can meet: SLUICE_ERR_<AREA>_<WHAT>. docs/errors.md lists the same table; a test
// holds them together. Messages: lower case, noun first; the cause is appended.

export interface ErrorEntry {
  readonly message: string
  readonly remedy?: string
}

export const ERRORS = {
  SLUICE_ERR_CLEANUP_AGENT_RUNNING: {
    message: 'agent answers on {path}, and would make again what cleanup removes',
    remedy: 'stop the agent first, or use --force'
  },
  SLUICE_ERR_CONFIG_FILE: {
    message: 'configuration file {path} cannot be read',
    remedy: 'mend its path (--config, SLUICE_CONFIG) or its permissions; without either name the file is optional'
  },
  SLUICE_ERR_CONFIG_INVALID: {
    message: 'configuration is not accepted:\n  {problems}',
    remedy: 'each line names the setting, where its value came from and what is accepted; see docs/configuration.md'
  },
  SLUICE_ERR_CONTROL_ANSWER: {
    message: 'control socket {path} gives no answer that can be used',
    remedy: 'look at the agent\'s log; use the sluice of the same version as the agent'
  },
  SLUICE_ERR_CONTROL_BUSY: {
    message: 'control socket {path} is served by another agent',
    remedy: 'a node has one agent: stop the other, or give this one its own controlSocket, pinDirectory and zds.socket'
  },
  SLUICE_ERR_CONTROL_NO_AGENT: {
    message: 'no agent listens on {path}',
    remedy: 'start `sluice agent`, or name its socket with --control-socket'
  },
  SLUICE_ERR_CONTROL_SOCKET: {
    message: 'control socket {path} cannot be served',
    remedy: 'name a path that can be written with controlSocket'
  },
  SLUICE_ERR_MANIFEST_DIRECTORY: {
    message: 'manifest directory {path} cannot be read',
    remedy: 'create it, or name another with manifest.directory'
  },
  SLUICE_ERR_PINNED_STATE: {
    message: 'pinned state {path} cannot be read',
    remedy: 'run as root on the node itself; a directory of another version is removed by the sluice that made it'
  },
  SLUICE_ERR_SOURCE_UNAVAILABLE: {
    message: 'source {source} is not available in this version',
    remedy: 'set source to manifest'
  }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
