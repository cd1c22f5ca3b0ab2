// SPDX-License-Identifier: Apache-2.0

export interface ErrorEntry {
  readonly message: string
  readonly remedy?: string
}
