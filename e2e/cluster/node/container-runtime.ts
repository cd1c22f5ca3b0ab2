// SPDX-License-Identifier: Apache-2.0
// containerd with runc and the CNI plugins, all from packages of the distribution.

import { mkdir, writeFile } from 'node:fs/promises'
import { run } from '../../world/running.ts'
import { tool } from '../tools/tools.ts'
import type { Component } from './component.ts'
import { mustOnNode, nodeCommand } from './namespaces.ts'
import { cniConfiguration } from './network.ts'
import { type ClusterState, within } from './state.ts'

/** Where Debian's and Ubuntu's containernetworking-plugins puts them. */
const CNI_PLUGINS = '/usr/lib/cni'

export const PAUSE_IMAGE = 'sluice.test/pause:1'

export function runtimeSocket(state: ClusterState): string {
  return within(state, 'containerd.sock')
}

/** https://github.com/containerd/containerd/blob/release/1.7/docs/cri/config.md; read by 1.6 and 1.7. */
function configuration(state: ClusterState): string {
  const text = JSON.stringify
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `
version = 2
root = ${text(within(state, 'containerd/root'))}
state = ${text(within(state, 'containerd/state'))}
[grpc]
  address = ${text(runtimeSocket(state))}
[plugins."io.containerd.internal.v1.opt"]
  path = ${text(within(state, 'containerd/opt'))}
[${cri}]
  restrict_oom_score_adj = true
  sandbox_image = ${text(PAUSE_IMAGE)}
  [${cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [${cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [${cri}.containerd.runtimes.runc.options]
        BinaryName = ${text(state.limits ? 'runc' : tool('runc-without-limits'))}
  [${cri}.cni]
    bin_dir = ${text(CNI_PLUGINS)}
    conf_dir = ${text(within(state, 'cni'))}
`
}

export async function containerd(state: ClusterState): Promise<Component> {
  const file = within(state, 'containerd.toml')
  await mkdir(within(state, 'cni'), { recursive: true })
  await writeFile(
    within(state, 'cni', '10-bridge.conflist'),
    JSON.stringify(cniConfiguration(state.network, state.directory))
  )
  await writeFile(file, configuration(state))
  return {
    name: 'containerd',
    argv: ['containerd', '--config', file],
    ready: async () => {
      const argv = nodeCommand(state, `${state.cgroup}/init`, ctr(state, 'version'))
      return (await run(argv)).code === 0
    }
  }
}

function ctr(state: ClusterState, ...args: readonly string[]): string[] {
  return ['ctr', '--address', runtimeSocket(state), '--namespace', 'k8s.io', ...args]
}

/** Gives the node an OCI archive; its image's name is in the archive. */
export async function importImage(state: ClusterState, archive: string): Promise<void> {
  await mustOnNode(state, ctr(state, 'images', 'import', archive))
}

export async function tagImage(state: ClusterState, name: string, other: string): Promise<void> {
  await mustOnNode(state, ctr(state, 'images', 'tag', '--force', name, other))
}
