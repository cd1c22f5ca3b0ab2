// SPDX-License-Identifier: Apache-2.0

import { runtimeSocket } from './container-runtime.ts'
import { mustOnNode } from './namespaces.ts'
import type { ClusterState } from './state.ts'

/** Kills the pause container of a pod: the kubelet makes another sandbox, with a network namespace of its own. */
export async function endSandbox(state: ClusterState, uid: string): Promise<void> {
  const filter = `labels."io.kubernetes.pod.uid"==${uid},labels."io.cri-containerd.kind"==sandbox`
  const ctr = ['ctr', '--address', runtimeSocket(state), '--namespace', 'k8s.io']
  const id = (await mustOnNode(state, [...ctr, 'containers', 'list', '--quiet', filter])).trim()
  if (!/^[0-9a-f]+$/.test(id)) throw new Error(`no single sandbox of ${uid}: ${id}`)
  await mustOnNode(state, [...ctr, 'tasks', 'kill', '--signal', 'SIGKILL', id])
}
