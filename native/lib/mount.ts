// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'

const native = bindings<{ mountFilesystem(type: string, target: string): void }>()

/** Mounts a pseudo file system ('bpf', 'tracefs', ...) at a directory; nosuid, nodev, noexec. Throws EMOUNT. */
export function mount(type: string, target: string): void {
  native.mountFilesystem(type, target)
}
