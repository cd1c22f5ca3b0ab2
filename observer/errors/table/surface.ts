// SPDX-License-Identifier: Apache-2.0
// Commands, configuration, and what the agent serves.

import type { ErrorEntry } from './entry.ts'

export const SURFACE_ERRORS = {
  SLUICE_ERR_CLEANUP_AGENT_RUNNING: {
    message: 'agent answers on {path}, and would make again what cleanup removes',
    remedy: 'stop the agent first, or use --force'
  },
  SLUICE_ERR_CLEANUP_INCOMPLETE: {
    message: 'rules and routes could not be removed from {failed} network namespaces',
    remedy: 'the log names each with its cause: mend that and run sluice cleanup again; all else is removed'
  },
  SLUICE_ERR_CONFIG_FILE: {
    message: 'configuration file {path} cannot be read',
    remedy:
      'mend its path (--config, SLUICE_CONFIG) or its permissions; without either name the file is optional'
  },
  SLUICE_ERR_CONFIG_INVALID: {
    message: 'configuration is not accepted:\n  {problems}',
    remedy:
      'each line names the setting, where its value came from and what is accepted; see docs/configuration.md'
  },
  SLUICE_ERR_CONTROL_ANSWER: {
    message: 'control socket {path} gives no answer that can be used',
    remedy: "look at the agent's log; use the sluice of the same version as the agent"
  },
  SLUICE_ERR_CONTROL_BUSY: {
    message: 'control socket {path} is served by another agent',
    remedy:
      'a node has one agent: stop the other, or give this one its own controlSocket, pinDirectory and zds.socket'
  },
  SLUICE_ERR_CONTROL_NO_AGENT: {
    message: 'no agent listens on {path}',
    remedy: 'start `sluice agent`, or name its socket with --control-socket'
  },
  SLUICE_ERR_CONTROL_SOCKET: {
    message: 'control socket {path} cannot be served',
    remedy: 'name a path that can be written with controlSocket'
  },
  SLUICE_ERR_METRICS_LISTEN: {
    message: 'metrics cannot be served on {address}',
    remedy: 'name another address with metrics.address, or 0 for none'
  },
  SLUICE_ERR_PAUSE_NOTHING: {
    message: 'no agent has pinned anything below {path}, so there is nothing to pause or resume',
    remedy: 'start an agent of this version first, or name its pins with --bpffs and --pin-directory'
  },
  SLUICE_ERR_PAUSE_WRITE: {
    message: 'pinned map {path} cannot be written',
    remedy: 'run as root on the node itself'
  }
} as const satisfies Record<string, ErrorEntry>
