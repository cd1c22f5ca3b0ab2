// SPDX-License-Identifier: Apache-2.0
// What boots before there is a root: a static busybox, the modules that lead to the host's files, and init.

import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const MODULES = ['virtio_pci', 'virtiofs', 'overlay']

/** The only kernel that was unpacked there, as `uname -r` will say it. */
export function release(kernel: string): string {
  const [only = ''] = readdirSync(join(kernel, 'lib/modules'))
  return only
}

/** The files of the modules and of what they need. */
function moduleFiles(kernel: string): string[] {
  const files = MODULES.flatMap((module) => {
    const argv = ['-d', kernel, '-S', release(kernel), '--show-depends', module]
    const needed = execFileSync('modprobe', argv, { encoding: 'utf8' })
    return needed.split('\n').flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? [])
  })
  return [...new Set(files)]
}

/** Packs the initramfs of an unpacked kernel; gives its path. */
export function packInitramfs(kernel: string, busybox: string): string {
  const version = release(kernel)
  const root = join(kernel, 'initramfs')
  const packed = `${root}.cpio`
  rmSync(root, { recursive: true, force: true })
  execFileSync('depmod', ['-b', kernel, version])
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync(busybox, join(root, 'bin/busybox'))
  copyFileSync(join(import.meta.dirname, 'init.sh'), join(root, 'init'))
  const modules = join(kernel, 'lib/modules', version)
  const tables = readdirSync(modules).filter((name) => name.startsWith('modules.'))
  for (const file of [...moduleFiles(kernel), ...tables.map((name) => join(modules, name))]) {
    const copy = join(root, relative(kernel, file))
    mkdirSync(dirname(copy), { recursive: true })
    cpSync(file, copy)
  }
  execFileSync('sh', ['-c', 'chmod 755 init && find . | cpio --quiet -o -H newc >"$0"', packed], {
    cwd: root
  })
  return packed
}
