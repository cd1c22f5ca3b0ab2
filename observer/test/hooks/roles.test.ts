// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { role_kind, role_limits } from '#contract'
import { Roles } from '../../hooks/roles.ts'
import { memoryMap } from '../maps/memory-map.ts'

function granted() {
  const map = memoryMap('role')
  return { map, roles: new Roles(map) }
}

function held(map: ReturnType<typeof granted>['map']) {
  return map.entries().flatMap(([, role]) => (role.cgroup === 0n ? [] : [role]))
}

describe('roles', () => {
  it('are granted once for each cgroup', () => {
    const { map, roles } = granted()
    roles.grant('agent', { id: 1n, level: 3 })
    roles.grant('agent', { id: 1n, level: 3 })
    roles.grant('ztunnel', { id: 2n, level: 4 })
    expect(held(map)).toEqual([
      { cgroup: 1n, level: 3, kind: role_kind.ROLE_AGENT },
      { cgroup: 2n, level: 4, kind: role_kind.ROLE_ZTUNNEL }
    ])
  })

  it('take the element of a cgroup that had another', () => {
    const { map, roles } = granted()
    roles.grant('agent', { id: 1n, level: 3 })
    roles.grant('ztunnel', { id: 1n, level: 3 })
    expect(held(map)).toEqual([{ cgroup: 1n, level: 3, kind: role_kind.ROLE_ZTUNNEL }])
  })

  it('of former agents are free for the next one, however many there were', () => {
    const map = memoryMap('role')
    new Roles(map).grant('ztunnel', { id: 1n, level: 4 })
    const last = BigInt(2 * role_limits.ROLES)
    for (let id = 2n; id <= last; id++) new Roles(map).grant('agent', { id, level: 3 })
    expect(held(map)).toEqual([
      { cgroup: 1n, level: 4, kind: role_kind.ROLE_ZTUNNEL },
      { cgroup: last, level: 3, kind: role_kind.ROLE_AGENT }
    ])
  })

  it('of ztunnels that a former agent admitted are freed, and the agent’s own are kept', () => {
    const map = memoryMap('role')
    const former = new Roles(map)
    for (let id = 1n; id < role_limits.ROLES; id++) former.grant('ztunnel', { id, level: 4 })
    const roles = new Roles(map)
    roles.grant('agent', { id: 100n, level: 3 })
    roles.sweep((id) => id === 2n)
    expect(held(map)).toEqual([
      { cgroup: 2n, level: 4, kind: role_kind.ROLE_ZTUNNEL },
      { cgroup: 100n, level: 3, kind: role_kind.ROLE_AGENT }
    ])
  })

  it('are refused when none is free, and free again after a sweep', () => {
    const { map, roles } = granted()
    for (let id = 1n; id <= role_limits.ROLES; id++) roles.grant('ztunnel', { id, level: 3 })
    const one = { id: 100n, level: 3 }
    expect(() => roles.grant('ztunnel', one)).toThrow(`more than ${role_limits.ROLES}`)
    roles.sweep((id) => id !== 4n)
    roles.grant('ztunnel', one)
    expect(held(map).map(({ cgroup }) => cgroup)).toContain(100n)
    expect(held(map).map(({ cgroup }) => cgroup)).not.toContain(4n)
    expect(held(map)).toHaveLength(role_limits.ROLES)
  })
})
