// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'
import { Netns, type NetnsOperation, type Route } from '../lib/netns.ts'
import { library, local, lookup, netns, runProgram, useWorld, world } from './netns-world.ts'

useWorld()

it('names the operation that failed and performs none after it', async () => {
  const rule = lookup('ipv4')
  const route: Route = { ...local('ipv4'), interfaceName: 'lo', source: '203.0.113.9' }
  await expect(
    netns.run([
      { op: 'replace-route', route },
      { op: 'add-rule', rule }
    ])
  ).rejects.toMatchObject({
    name: 'NativeError',
    code: 'SLUICE_NATIVE_ENETNS_OPERATION',
    errno: 22,
    syscall: 'netlink(RTM_NEWROUTE)',
    message: expect.stringMatching(
      /^replace-route local default dev lo src 203\.0\.113\.9 table 5151 proto 51 \(ipv4\): Invalid argument \(EINVAL\)/
    )
  })
  expect(world.ip('rule')).not.toContain('fwmark')
})

it('says which capability is missing', () => {
  const program = `import { Netns } from '${library('netns')}'
    const rule = ${JSON.stringify(lookup('ipv4'))}
    try { await Netns.open('${world.path}').run([{ op: 'add-rule', rule }]) } catch (error) {
      console.log(error.code, error.errno, error.syscall, error.message) }`
  const bounded = runProgram(program, ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'])
  expect(bounded.stdout).toBe(
    'SLUICE_NATIVE_ENETNS_PERMISSION 1 netlink(RTM_NEWRULE) add-rule priority 1 fwmark 0x51c/0xfff lookup 5151 ' +
      '(ipv4): Operation not permitted (EPERM): needs CAP_NET_ADMIN in the user namespace that owns the network ' +
      'namespace\n'
  )
  const outside = runProgram(program, ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'])
  expect(outside.stdout).toMatch(/^SLUICE_NATIVE_ENETNS_PERMISSION 1 setns .*CAP_SYS_ADMIN/)
  expect(runProgram(program).stdout).toBe('')
})

it('says that /proc/sys is read-only', () => {
  const program = `import { Netns } from '${library('netns')}'
    const operation = { op: 'set-sysctl', name: 'net.ipv4.tcp_fwmark_accept', value: '1' }
    await Netns.open('${world.path}').run([operation]).catch((error) => console.log(error.message))`
  const remount = 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec "$@"'
  const result = runProgram(program, ['unshare', '-m', 'sh', '-c', remount, 'sh'])
  expect(result.stdout).toMatch(/Read-only file system \(EROFS\): \/proc\/sys is mounted read-only/)
})

it('tells a namespace without IPv6 by the code', async () => {
  await netns.run([{ op: 'set-sysctl', name: 'net.ipv6.conf.lo.disable_ipv6', value: '1' }])
  await expect(netns.run([{ op: 'replace-route', route: local('ipv6') }])).rejects.toMatchObject({
    code: 'SLUICE_NATIVE_ENETNS_FAMILY',
    message: expect.stringContaining('the network namespace has no IPv6')
  })
  await netns.run([{ op: 'replace-route', route: local('ipv4') }])
})

it.each([
  ['/run/netns/nothing-of-this-name', 'SLUICE_NATIVE_ENETNS_GONE'],
  ['/proc/2147483647/ns/net', 'SLUICE_NATIVE_ENETNS_GONE'],
  ['/etc/passwd', 'SLUICE_NATIVE_ENETNS_TYPE'],
  ['/proc/self/ns/uts', 'SLUICE_NATIVE_ENETNS_TYPE']
])('does not open %s: %s', (path, code) => {
  expect(() => Netns.open(path)).toThrow(expect.objectContaining({ code }))
})

it.each([
  undefined,
  7,
  [],
  {},
  { op: 'no-such' },
  { op: 'rules' },
  { op: 'rules', family: 'ipv5' },
  { op: 'add-rule' },
  { op: 'add-rule', rule: { ...lookup('ipv4'), priority: -1 } },
  { op: 'add-rule', rule: { ...lookup('ipv4'), mark: 2 ** 32 } },
  { op: 'add-rule', rule: { ...lookup('ipv4'), mark: undefined } },
  { op: 'add-rule', rule: { ...lookup('ipv4'), table: 0 } },
  { op: 'add-rule', rule: { ...lookup('ipv4'), action: 'other' } },
  { op: 'add-rule', rule: { ...lookup('ipv4'), foreign: true } },
  { op: 'routes', family: 'ipv4', table: '5' },
  { op: 'replace-route', route: { ...local('ipv4'), source: 'fd77::1' } },
  { op: 'replace-route', route: { ...local('ipv4'), destination: '10.0.0.0/33' } },
  { op: 'replace-route', route: { ...local('ipv6'), destination: '::/x' } },
  { op: 'replace-route', route: { ...local('ipv4'), scope: 'wide' } },
  { op: 'get-sysctl', name: 'kernel.hostname' },
  { op: 'get-sysctl', name: 'net.//.kernel.hostname' },
  { op: 'get-sysctl', name: 'net..ipv4' },
  { op: 'get-sysctl', name: 'net.ipv4\0x' },
  { op: 'set-sysctl', name: 'net.ipv4.ip_forward', value: 1 },
  { op: 'count-sockets', mark: 1.5, mask: 1 }
])('refuses %j and performs nothing', async (operation) => {
  const operations = [{ op: 'add-rule', rule: lookup('ipv4') }, operation] as NetnsOperation[]
  await expect(netns.run(operations)).rejects.toMatchObject({ code: 'SLUICE_NATIVE_EINVALID_ARGUMENT' })
  expect(world.ip('rule')).not.toContain('fwmark')
})
