// SPDX-License-Identifier: Apache-2.0

import { isIPv4 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressOf, addressText, NO_ADDRESS } from '../../maps/address.ts'

function bytes(text: string): string {
  return Buffer.from(Uint32Array.from(addressOf(text).word).buffer).toString('hex')
}

describe('an address', () => {
  it.each([
    ['10.1.2.3', '00000000000000000000ffff0a010203'],
    ['0.0.0.0', '00000000000000000000ffff00000000'],
    ['::ffff:10.1.2.3', '00000000000000000000ffff0a010203'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['2001:db8:0:1:2:3:4:5', '20010db8000000010002000300040005'],
    ['2001:DB8::A', '20010db800000000000000000000000a'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221']
  ])('%s lies in memory as %s', (text, expected) => {
    expect(bytes(text)).toBe(expected)
  })

  it.each([
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:0:2:0:0:3', '1::2:0:0:3'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['FE80::ABCD', 'fe80::abcd'],
    ['::ffff:10.0.0.1', '10.0.0.1']
  ])('%s is written as RFC 5952 asks: %s', (text, expected) => {
    expect(addressText(addressOf(text))).toBe(expected)
  })

  it('of all zeros is none', () => {
    expect(addressText(NO_ADDRESS)).toBeUndefined()
  })

  it.each(['', 'localhost', '10.0.0', '10.0.0.256', 'fe80::1%eth0', '1::2::3', '10.0.0.1/8'])(
    '%j is refused',
    (text) => {
      expect(() => addressOf(text)).toThrow(RangeError)
    }
  )

  it('is the same after text and back', () => {
    const word = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff })), {
      minLength: 4,
      maxLength: 4
    })
    fc.assert(
      fc.property(word, (words) => {
        const text = addressText({ word: words })
        expect(text === undefined ? NO_ADDRESS.word : addressOf(text).word).toEqual(words)
      })
    )
  })

  it('reads every IPv4 address back as it was', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(isIPv4(text)).toBe(true)
        expect(addressText(addressOf(text))).toBe(text)
      })
    )
  })
})
