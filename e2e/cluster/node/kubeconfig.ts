// SPDX-License-Identifier: Apache-2.0
import { readFile, writeFile } from 'node:fs/promises'
import { type ClusterState, within } from './state.ts'

export function kubeconfigPath(state: Pick<ClusterState, 'directory'>, user: string): string {
  return within(state, `${user}.kubeconfig`)
}

/** Writes a configuration with the certificates in it, so that the file can be carried elsewhere. */
export async function writeKubeconfig(state: ClusterState, user: string): Promise<void> {
  const data = async (file: string) =>
    (await readFile(within(state, 'certificates', file))).toString('base64')
  const cluster = {
    server: `https://${state.network.api}`,
    'certificate-authority-data': await data('ca.crt')
  }
  const identity = {
    'client-certificate-data': await data(`${user}.crt`),
    'client-key-data': await data(`${user}.key`)
  }
  const configuration = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: user, user: identity }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user } }],
    'current-context': 'context'
  }
  await writeFile(kubeconfigPath(state, user), JSON.stringify(configuration), { mode: 0o600 })
}
