// SPDX-License-Identifier: Apache-2.0

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder with the kernel objects: beside the bundle, or the build folder of the source tree. */
export function kernelObjects(): string | undefined {
  const candidates = ['./kernel', '../../build/kernel']
  return candidates
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path))
}
