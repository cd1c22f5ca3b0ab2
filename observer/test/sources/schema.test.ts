// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { podOf, podSchema } from '../../sources/schema.ts'

const OWN = '0b9f1f6e-3a5f-4a86-8e2a-5b7f1f0c2d33'
const ANOTHER = '5155cf14-8bc2-4527-abe0-812f58d895f1'

function uidOf(annotations: Record<string, string>): string | undefined {
  const metadata = { name: 'static', uid: OWN, annotations }
  return podOf(podSchema.parse({ apiVersion: 'v1', metadata }), 'origin')?.uid
}

describe('the uid of a mirror pod', () => {
  it.each([
    [
      'the hash that the kubelet made of its file',
      'c0a55e1cd5f0f2a0a9e5b6a1e6c6f2d1',
      'c0a55e1cd5f0f2a0a9e5b6a1e6c6f2d1'
    ],
    ['what its file chose', 'etcd-0', 'etcd-0'],
    ['no uid of another pod, which anybody might write there', ANOTHER, OWN]
  ])('is %s', (_, hash, uid) => {
    expect(uidOf({ 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.hash': hash })).toBe(uid)
  })
})
