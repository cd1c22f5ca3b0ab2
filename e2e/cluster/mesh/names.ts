// SPDX-License-Identifier: Apache-2.0
// What users and the agent write on objects.

export const MODE = 'istio.io/dataplane-mode'
export const AMBIENT = 'sluice.mesh/ambient'
export const REDIRECTION = 'ambient.istio.io/redirection'
