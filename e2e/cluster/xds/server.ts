// SPDX-License-Identifier: Apache-2.0
// A control plane for ztunnel: aggregated delta discovery (gRPC over HTTP/2) of whatever it is told.

import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '#xds'
import { Frames, framed } from './frames.ts'
import type { XdsResource } from './resources.ts'

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'

/** PEM. */
export interface Identity {
  readonly cert: Buffer
  readonly key: Buffer
}

export class XdsServer {
  readonly #server: Http2SecureServer
  /** By type and name. */
  readonly #resources = new Map<string, Map<string, XdsResource>>()
  /** Streams with the types that each has subscribed to. */
  readonly #streams = new Map<ServerHttp2Stream, Set<string>>()
  readonly #refusals: string[] = []
  #nonce = 0

  private constructor(identity: Identity) {
    this.#server = createSecureServer(identity)
    this.#server.on('stream', (stream, headers) => {
      if (headers[':path'] === METHOD) this.#serve(stream)
      else
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
          { endStream: true }
        )
    })
  }

  /** Listens on a free port of an address. ztunnel speaks to nobody without TLS. */
  static async listen(address: string, identity: Identity): Promise<XdsServer> {
    const server = new XdsServer(identity)
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject)
      server.#server.listen(0, address, resolve)
    })
    return server
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `https://${address}:${port}`
  }

  /** What ztunnel refused of what it was told. */
  get refusals(): readonly string[] {
    return this.#refusals
  }

  set(resource: XdsResource): void {
    const { typeUrl, name, value } = resource
    const known = this.#ofType(typeUrl)
    const former = known.get(name)
    if (former !== undefined && Buffer.compare(former.value, value) === 0) return
    known.set(name, resource)
    this.#tell(typeUrl, [resource], [])
  }

  remove(typeUrl: string, name: string): void {
    if (this.#ofType(typeUrl).delete(name)) this.#tell(typeUrl, [], [name])
  }

  #ofType(typeUrl: string): Map<string, XdsResource> {
    const known = this.#resources.get(typeUrl) ?? new Map<string, XdsResource>()
    this.#resources.set(typeUrl, known)
    return known
  }

  #tell(typeUrl: string, resources: readonly XdsResource[], removed: readonly string[]): void {
    for (const [stream, types] of this.#streams)
      if (types.has(typeUrl)) this.#send(stream, typeUrl, resources, removed)
  }

  #send(
    stream: ServerHttp2Stream,
    typeUrl: string,
    resources: readonly XdsResource[],
    removedResources: readonly string[]
  ): void {
    const response = create(DeltaDiscoveryResponseSchema, {
      typeUrl,
      nonce: `${++this.#nonce}`,
      removedResources: [...removedResources],
      resources: resources.map(
        ({ name, value }) => ({ name, version: '1', resource: { typeUrl, value } }) as never
      )
    })
    stream.write(framed(toBinary(DeltaDiscoveryResponseSchema, response)))
  }

  #serve(stream: ServerHttp2Stream): void {
    const frames = new Frames()
    const types = new Set<string>()
    this.#streams.set(stream, types)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.on('error', () => stream.destroy())
    stream.on('close', () => this.#streams.delete(stream))
    stream.on('end', () => stream.end())
    stream.on('data', (part: Buffer) => {
      for (const message of frames.take(part)) this.#heard(stream, types, message)
    })
  }

  /** The first request of a type subscribes to all of it; later ones say what was thought of an answer. */
  #heard(stream: ServerHttp2Stream, types: Set<string>, message: Uint8Array): void {
    const { typeUrl, errorDetail } = fromBinary(DeltaDiscoveryRequestSchema, message)
    if (errorDetail !== undefined) this.#refusals.push(`${typeUrl}: ${errorDetail.message}`)
    if (types.has(typeUrl)) return
    types.add(typeUrl)
    this.#send(stream, typeUrl, [...this.#ofType(typeUrl).values()], [])
  }

  async close(): Promise<void> {
    for (const stream of this.#streams.keys()) stream.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}
