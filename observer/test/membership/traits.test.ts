// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BYPASS_INBOUND_ANNOTATION,
  DNS_CAPTURE_ANNOTATION,
  NO_TRAITS,
  sameTraits,
  traitsOf,
  unheededAnnotations
} from '../../membership/traits.ts'

const YES = ['1', 't', 'T', 'TRUE', 'true', 'True']
const NO = ['0', 'f', 'F', 'FALSE', 'false', 'False']
const NEITHER = ['', 'yes', 'no', 'tRUE', ' true', 'true ', '2', 'enabled']
const VIRTUAL = 'istio.io/reroute-virtual-interfaces'

const of = (annotations: Record<string, string>, dnsCapture = true) => traitsOf({ annotations }, dnsCapture)

describe('whether port 53 is captured', () => {
  it.each([true, false])('is as the configuration says where the pod does not: %s', (dnsCapture) => {
    expect(of({}, dnsCapture).dns).toBe(dnsCapture)
  })

  it.each([true, false])('is as the pod says, whatever the configuration: %s', (dnsCapture) => {
    for (const text of YES) expect(of({ [DNS_CAPTURE_ANNOTATION]: text }, dnsCapture).dns).toBe(true)
    for (const text of NO) expect(of({ [DNS_CAPTURE_ANNOTATION]: text }, dnsCapture).dns).toBe(false)
  })

  it.each([true, false])('is as the configuration says where the pod says no boolean: %s', (dnsCapture) => {
    for (const text of NEITHER)
      expect(of({ [DNS_CAPTURE_ANNOTATION]: text }, dnsCapture).dns).toBe(dnsCapture)
  })
})

describe('whether plain inbound is captured', () => {
  it('is unless the pod says that it is not', () => {
    expect(of({}).bypassInbound).toBe(false)
    for (const text of YES) expect(of({ [BYPASS_INBOUND_ANNOTATION]: text }).bypassInbound).toBe(true)
    for (const text of [...NO, ...NEITHER])
      expect(of({ [BYPASS_INBOUND_ANNOTATION]: text }).bypassInbound).toBe(false)
  })
})

describe('traits', () => {
  it('are the same when nothing differs', () => {
    const all = [true, false].flatMap((dns) => [true, false].map((bypassInbound) => ({ dns, bypassInbound })))
    for (const one of all)
      for (const other of all)
        expect(sameTraits(one, other)).toBe(JSON.stringify(one) === JSON.stringify(other))
    expect(sameTraits(NO_TRAITS, { dns: false, bypassInbound: false })).toBe(true)
  })

  it('depend on no other annotation', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), fc.boolean(), (annotations, dnsCapture) => {
        fc.pre(!(DNS_CAPTURE_ANNOTATION in annotations) && !(BYPASS_INBOUND_ANNOTATION in annotations))
        expect(of(annotations, dnsCapture)).toEqual({ dns: dnsCapture, bypassInbound: false })
      })
    )
  })
})

describe('an annotation that Istio would heed', () => {
  it('is called not supported', () => {
    const [warning, ...others] = unheededAnnotations({ annotations: { [VIRTUAL]: 'net1,net2' } })
    expect(warning).toMatchObject({ kind: 'not-supported', key: VIRTUAL, value: 'net1,net2' })
    expect(warning?.message).toContain('not supported')
    expect(others).toEqual([])
  })

  it('is not missed where there is none', () => {
    expect(unheededAnnotations({ annotations: { [DNS_CAPTURE_ANNOTATION]: 'true' } })).toEqual([])
  })
})
