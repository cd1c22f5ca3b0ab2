// SPDX-License-Identifier: Apache-2.0
// What users and the agent write on objects.

export const MODE = 'istio.io/dataplane-mode'
export const AMBIENT = 'sluice.mesh/ambient'
export const REDIRECTION = 'ambient.istio.io/redirection'

/** As ztunnel and the applications write it. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
