// SPDX-License-Identifier: Apache-2.0
// The addon's public surface. It knows BPF, sockets and network namespaces; it knows nothing of pods.

export { NativeError } from './error.ts'
export { BpfObject, type LoadOptions } from './object.ts'
export { Program, type TestRunInput, type TestRunResult } from './program.ts'
export { Link, type LinkInfo } from './link.ts'
export { BpfMap, type MapInfo, type UpdateFlag } from './map.ts'
export { Layout, type LayoutType } from './layout.ts'
export { RingBuffer, type RingBufferOptions } from './ringbuffer.ts'
export { SeqpacketServer, SeqpacketConnection, type PeerIdentity } from './seqpacket.ts'
export {
  Netns,
  NetnsWatch,
  type NetnsOperation,
  type NetnsResult,
  type Address,
  type Rule,
  type Route,
  type Family
} from './netns.ts'
export { FileLock } from './lock.ts'
export { mount } from './mount.ts'
