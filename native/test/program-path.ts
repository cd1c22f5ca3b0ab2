// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url'

/** A built test program of native/test/bpf. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`../../build/native-test/${name}.bpf.o`, import.meta.url))
}
