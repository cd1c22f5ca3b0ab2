// SPDX-License-Identifier: Apache-2.0
// Makes a cluster of one node on this machine.

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mountPoint } from '../../world/mounts.ts'
import { must } from '../../world/running.ts'
import { ownImages } from '../images/own.ts'
import { makeCertificates, subjects } from './certificates.ts'
import { makeNodeCgroup } from './cgroup.ts'
import { startComponent } from './component.ts'
import { containerd, importImage } from './container-runtime.ts'
import { apiserver, controllerManager, etcd, scheduler, writeAuditPolicy } from './control-plane.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { kubelet } from './kubelet.ts'
import { holdNamespaces } from './namespaces.ts'
import { bridgeCommands, chooseNetwork } from './network.ts'
import { requirePrograms } from './requirements.ts'
import { type ClusterState, saveState } from './state.ts'
import { readSysctls } from './sysctls.ts'

const USERS = ['admin', 'kubelet', 'kube-controller-manager', 'kube-scheduler']

/** Not below /run: layers of images lie here, and the node has a /run of its own. */
const PLACE = '/var/tmp'

/** What can be removed before anything has been made. */
export async function planCluster(prefix: string): Promise<ClusterState> {
  const directory = join(PLACE, `sluice-${prefix}`)
  if (existsSync(directory)) throw new Error(`${directory} is there already: run 'make cluster-down'`)
  return {
    prefix,
    node: `node-${prefix}`,
    directory,
    cgroup: join(mountPoint('cgroup2'), prefix),
    holder: 0,
    network: chooseNetwork(prefix),
    limits: false,
    sysctls: await readSysctls()
  }
}

/** Starts what was planned. @throws with what is missing or did not start; the caller removes what was made. */
export async function startCluster(plan: ClusterState): Promise<ClusterState> {
  requirePrograms()
  await mkdir(plan.directory, { mode: 0o755 })
  await saveState(plan)
  const limits = await makeNodeCgroup(plan.cgroup)
  const state = { ...plan, limits, holder: await holdNamespaces(plan.cgroup, plan.directory) }
  await saveState(state)
  await must(['ip', '-batch', '-'], bridgeCommands(state.network).join('\n'))
  await makeCertificates(join(state.directory, 'certificates'), subjects(state.node, state.network))
  for (const user of USERS) await writeKubeconfig(state, user)
  await writeAuditPolicy(state)
  await Promise.all([startRuntime(state), startApi(state)])
  await Promise.all([
    startComponent(state, controllerManager(state)),
    startComponent(state, scheduler(state)),
    startComponent(state, await kubelet(state))
  ])
  return state
}

async function startRuntime(state: ClusterState): Promise<void> {
  await startComponent(state, await containerd(state))
  for (const archive of await ownImages(state)) await importImage(state, archive)
}

async function startApi(state: ClusterState): Promise<void> {
  await startComponent(state, etcd(state))
  await startComponent(state, apiserver(state))
}
