// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { Address } from '#native'
import { MORE_ADDRESSES } from '../../maps/pod-entries.ts'
import { podAddresses } from '../../netns/survey.ts'

function address(text: string, scope: Address['scope'] = 'global'): Address {
  return {
    family: text.includes(':') ? 'ipv6' : 'ipv4',
    address: text,
    prefixLength: 24,
    interfaceIndex: 2,
    interfaceName: 'eth0',
    scope,
    tentative: false
  }
}

const OWN = [address('127.0.0.1', 'host'), address('10.0.0.1'), address('::1', 'host'), address('fd00::1')]

describe('the addresses of a pod', () => {
  it('are the first global ones, or those that the source names', () => {
    const all = [...OWN, address('10.0.1.1'), address('fd00:1::1')]
    expect(podAddresses(all, []).addresses).toMatchObject({ ipv4: '10.0.0.1', ipv6: 'fd00::1' })
    expect(podAddresses(all, ['10.0.1.1', '192.0.2.9']).addresses).toEqual({
      ipv4: '10.0.1.1',
      ipv6: 'fd00::1',
      more: ['10.0.0.1', 'fd00:1::1'],
      named: ['10.0.1.1']
    })
  })

  it.each([
    ['none, or none yet', [], undefined],
    ['both', ['10.0.0.1', 'fd00::1'], ['10.0.0.1', 'fd00::1']],
    ['one, spelt otherwise', ['fd00:0:0::0001'], ['fd00::1']],
    ['others than the pod has given itself', ['10.0.0.9', 'fd00::9'], []]
  ])('are known by name where the source names %s', (_, names, named) => {
    expect(podAddresses(OWN, names).addresses.named).toEqual(named)
  })

  it('are those of scope host too, but for the loopback', () => {
    expect(podAddresses([...OWN, address('203.0.113.9', 'host')], []).addresses).toEqual({
      ipv4: '10.0.0.1',
      ipv6: 'fd00::1',
      more: ['203.0.113.9']
    })
  })

  it('are further ones of every device, each once', () => {
    const all = [...OWN, address('fe80::1', 'link'), address('10.0.1.1'), address('fe80::1', 'link')]
    expect(podAddresses(all, [])).toEqual({
      addresses: { ipv4: '10.0.0.1', ipv6: 'fd00::1', more: ['10.0.1.1', 'fe80::1'] },
      unlisted: 0
    })
  })

  it('are no more than fit beside those of the others; global ones come first', () => {
    const links = Array.from({ length: 3 }, (_, index) => address(`fe80::${index + 1}`, 'link'))
    const many = Array.from({ length: MORE_ADDRESSES }, (_, index) => address(`10.1.0.${index + 1}`))
    const { addresses, unlisted } = podAddresses([...OWN, ...links, ...many], [])
    expect(addresses).toEqual({ ipv4: '10.0.0.1', ipv6: 'fd00::1', more: many.map(({ address: ip }) => ip) })
    expect(unlisted).toBe(links.length)
  })
})
