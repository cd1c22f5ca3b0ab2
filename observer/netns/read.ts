// SPDX-License-Identifier: Apache-2.0

import { NativeError, type Netns, type NetnsOperation } from '#native'
import { SluiceError } from '../errors/error.ts'

/**
 * Who administers the namespace decides how much there is to read.
 * @throws SluiceError SLUICE_ERR_NETNS_TOO_LARGE
 */
export async function readNetns<const T extends readonly NetnsOperation[]>(
  netns: Pick<Netns, 'run'>,
  operations: T
) {
  try {
    return await netns.run(operations)
  } catch (error) {
    if (!(error instanceof NativeError) || error.code !== 'SLUICE_NATIVE_ENETNS_TOO_LARGE') throw error
    throw new SluiceError('SLUICE_ERR_NETNS_TOO_LARGE', {}, error)
  }
}
