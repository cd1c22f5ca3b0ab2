// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'

const native = bindings<{
  mountFilesystem(type: string, target: string): void
  remountWritable(target: string): boolean
}>()

/** Mounts a pseudo file system ('bpf', 'tracefs', ...) at a directory; nosuid, nodev, noexec. Throws EMOUNT. */
export function mount(type: string, target: string): void {
  native.mountFilesystem(type, target)
}

/**
 * Makes a read-only mount writable, in the mount namespace of this process alone.
 * @returns whether it was read-only. Throws EMOUNT, also for a directory that is no mount point.
 */
export function remountWritable(target: string): boolean {
  return native.remountWritable(target)
}
