// SPDX-License-Identifier: Apache-2.0
// Ztunnels that were replaced while no agent ran leave their roles in a map of eight.

import { describe, expect, it } from 'vitest'
import { type Role, role_kind, role_limits } from '#contract'
import { mesh } from '../setup/mesh.ts'
import { openMap } from '../verify/kernel.ts'

describe('the roles of ztunnels that are gone', () => {
  const node = mesh({ enrolled: ['app'] })

  function roles(): Role[] {
    using map = openMap(node.world, 'role')
    return map.entries().flatMap(([, role]) => ((role as Role).cgroup === 0n ? [] : [role as Role]))
  }

  it('are freed by the agent that comes, and the one that is there keeps its own', async () => {
    const before = roles()
    expect(before.map(({ kind }) => kind)).toContain(role_kind.ROLE_ZTUNNEL)
    await node.agent.kill9()
    // It stays silent: its role must not wait for it to come back.
    node.ztunnel.pause()
    using map = openMap(node.world, 'role')
    for (let index = 0; index < role_limits.ROLES; index++) {
      const role = map.get(index) as Role
      const gone = { cgroup: (1n << 60n) + BigInt(index), level: 3, kind: role_kind.ROLE_ZTUNNEL }
      if (role.cgroup === 0n) map.set(index, gone)
    }
    expect(roles()).toHaveLength(role_limits.ROLES)
    await node.agent.restart()
    await expect.poll(roles).toEqual(before)
  })
})
