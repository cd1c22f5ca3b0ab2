// SPDX-License-Identifier: Apache-2.0

import { remountWritable } from '#native'
import { SluiceError } from '../errors/error.ts'

/**
 * A container has /proc/sys read-only unless it is privileged. Which namespace a sysctl belongs to is decided by the
 * thread that writes it, so the container's own mount serves for all pods.
 * @throws SluiceError SLUICE_ERR_NETNS_SYSCTLS
 */
export function makeSysctlsWritable(): void {
  try {
    remountWritable('/proc/sys')
  } catch (error) {
    throw new SluiceError('SLUICE_ERR_NETNS_SYSCTLS', {}, error)
  }
}
