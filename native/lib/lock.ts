// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'

const native = bindings<{
  acquireFileLock(path: string): object | undefined
  releaseFileLock(handle: object): void
}>()

/** An exclusive lock among processes, by flock(2); the kernel releases it when the process ends. */
export class FileLock {
  readonly #handle: object

  private constructor(handle: object) {
    this.#handle = handle
  }

  /** Of a directory, or of a file, which is made (mode 0600) if need be. Undefined: somebody else holds the lock. Throws ELOCK. */
  static tryAcquire(path: string): FileLock | undefined {
    const handle = native.acquireFileLock(path)
    return handle && new FileLock(handle)
  }

  /** Idempotent. The file stays. */
  release(): void {
    native.releaseFileLock(this.#handle)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
