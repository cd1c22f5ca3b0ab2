// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../errors/error.ts'
import { findCgroup2, parseMountinfo } from '../../processes/mountinfo.ts'

const V1 = '33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu'
const TMPFS = '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755'
const UNIFIED = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate'
const HYBRID = '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw'
const PART = '50 23 0:26 /../.. /host/cgroup rw - cgroup2 cgroup rw'

describe('the cgroup2 mount', () => {
  it.each([
    ['unified', [UNIFIED], '/sys/fs/cgroup'],
    ['hybrid', [TMPFS, V1, HYBRID], '/sys/fs/cgroup/unified'],
    ['the whole hierarchy before a part of it', [PART, UNIFIED], '/sys/fs/cgroup'],
    ['a part where there is nothing else', [TMPFS, PART], '/host/cgroup'],
    ['one that is not mounted over', [UNIFIED, TMPFS, HYBRID], '/sys/fs/cgroup/unified'],
    ['octal escapes', ['30 23 0:26 / /a\\040b\\134c\\011d rw - cgroup2 x rw'], '/a b\\c\td']
  ])('%s', (_, lines, mountPoint) => {
    expect(findCgroup2(`${lines.join('\n')}\n`).mountPoint).toBe(mountPoint)
  })

  it.each([
    ['only v1', [TMPFS, V1], 'SLUICE_ERR_CGROUP_V1'],
    [
      'cgroup2 hidden under v1',
      [UNIFIED, '33 31 0:30 / /sys/fs/cgroup rw - cgroup c rw'],
      'SLUICE_ERR_CGROUP_V1'
    ],
    ['none at all', ['22 1 8:1 / / rw - ext4 /dev/sda1 rw'], 'SLUICE_ERR_CGROUP_NONE'],
    ['an empty file', [], 'SLUICE_ERR_CGROUP_NONE']
  ])('is refused: %s', (_, lines, code) => {
    expect(() => findCgroup2(lines.join('\n'))).toThrow(expect.objectContaining({ code }))
  })

  it('comes back from any mount point that the kernel has escaped', () => {
    const escaped = (path: string) =>
      path.replaceAll(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)
    const path = fc.string({
      unit: fc.constantFrom('a', 'é', ' ', '\t', '\n', '\\', '#', '0', '4', '-', '/')
    })
    fc.assert(
      fc.property(path, (name) => {
        const mount = { mountPoint: `/${name}`, root: '/', type: 'cgroup2' }
        expect(parseMountinfo(`1 2 0:3 / /${escaped(name)} rw shared:1 - cgroup2 none rw\n`)).toEqual([mount])
      })
    )
  })

  it('is looked for in any text without throwing anything but its own errors', () => {
    const words = fc.constantFrom('-', '/', 'cgroup2', 'cgroup', '\\04', '\\777', '1', '')
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words).map((parts) => parts.join(' '))
    )
    fc.assert(
      fc.property(text, (mountinfo) => {
        try {
          expect(findCgroup2(mountinfo).type).toBe('cgroup2')
        } catch (error) {
          expect(error).toBeInstanceOf(SluiceError)
        }
      })
    )
  })
})
