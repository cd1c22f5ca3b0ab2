// SPDX-License-Identifier: Apache-2.0
// ZDS packets, encoded and decoded. Nothing but SluiceError is thrown, whatever the packet holds.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import type { WorkloadRequest } from '#zds'
import { WorkloadRequestSchema, WorkloadResponseSchema, ZdsHelloSchema } from '#zds'
import { SluiceError } from '../errors/error.ts'
import { podRef } from '../pods/pod.ts'
import type { Offer } from './workload.ts'

/** What the agent says; each is answered once. */
export type Request =
  | { readonly kind: 'add'; readonly offer: Offer }
  | { readonly kind: 'keep'; readonly uid: string }
  | { readonly kind: 'del'; readonly uid: string }
  | { readonly kind: 'snapshot' }

/** ztunnel reads into a buffer of this size and gives up on a longer packet. */
export const REQUEST_LIMIT_BYTES = 1024

/**
 * The packet of a request.
 * @throws SluiceError SLUICE_ERR_ZDS_TOO_LONG
 */
export function encodeRequest(request: Request): Uint8Array {
  const packet = toBinary(
    WorkloadRequestSchema,
    create(WorkloadRequestSchema, { payload: payloadOf(request) })
  )
  if (packet.length > REQUEST_LIMIT_BYTES) {
    throw new SluiceError('SLUICE_ERR_ZDS_TOO_LONG', {
      pod: subjectOf(request),
      bytes: packet.length,
      limit: REQUEST_LIMIT_BYTES
    })
  }
  return packet
}

/** The pod that a request is about, for messages: namespace/name where it is known, else the uid. */
export function subjectOf(request: Request): string {
  if (request.kind === 'snapshot') return ''
  return request.kind === 'add' ? podRef(request.offer) : request.uid
}

/**
 * The version that ztunnel says hello with: 1, or a later one, which Istio's agent accepts too.
 * @throws SluiceError SLUICE_ERR_ZDS_GARBAGE
 */
export function decodeHello(packet: Uint8Array): number {
  return strictly(packet, 'a hello', () => {
    checkFields(packet, WireType.Varint)
    const { version } = fromBinary(ZdsHelloSchema, packet)
    if (version === 0) throw new Error('no version')
    return version
  })
}

/**
 * The error that ztunnel answers with; empty for an ack.
 * @throws SluiceError SLUICE_ERR_ZDS_GARBAGE
 */
export function decodeAnswer(packet: Uint8Array): string {
  return strictly(packet, 'an ack', () => {
    for (const ack of checkFields(packet, WireType.LengthDelimited))
      checkFields(ack, WireType.LengthDelimited)
    const { payload } = fromBinary(WorkloadResponseSchema, packet)
    if (payload.case === undefined) throw new Error('no payload')
    return payload.value.error
  })
}

function payloadOf(request: Request): WorkloadRequest['payload'] {
  switch (request.kind) {
    case 'add': {
      const { uid, name, namespace, serviceAccount } = request.offer
      const workloadInfo = {
        $typeName: 'istio.workload.zds.WorkloadInfo' as const,
        name,
        namespace,
        serviceAccount
      }
      return { case: 'add', value: { $typeName: 'istio.workload.zds.AddWorkload', uid, workloadInfo } }
    }
    case 'del':
      return { case: 'del', value: { $typeName: 'istio.workload.zds.DelWorkload', uid: request.uid } }
    case 'keep':
      return { case: 'keep', value: { $typeName: 'istio.workload.zds.KeepWorkload', uid: request.uid } }
    case 'snapshot':
      return { case: 'snapshotSent', value: { $typeName: 'istio.workload.zds.SnapshotSent' } }
  }
}

/**
 * Walks the fields of a message and returns the contents of its field 1, which must have the given wire
 * type: the decoder itself believes the schema, and would read `08 01`, a hello, as an ack. Other fields pass.
 */
function checkFields(message: Uint8Array, wireType: WireType): Uint8Array[] {
  const reader = new BinaryReader(message)
  const contents: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const [field, actual] = reader.tag()
    if (field === 1 && actual !== wireType) throw new Error(`field 1 has wire type ${actual}`)
    if (field === 1 && actual === WireType.LengthDelimited) contents.push(reader.bytes())
    else reader.skip(actual, field)
  }
  return contents
}

function strictly<T>(packet: Uint8Array, expected: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw new SluiceError('SLUICE_ERR_ZDS_GARBAGE', { bytes: packet.length, expected }, error)
  }
}
