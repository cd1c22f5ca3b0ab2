// SPDX-License-Identifier: Apache-2.0
// The addon's public surface. It knows BPF, sockets and network namespaces; it knows nothing of pods.

export { Descriptor, duplicateFd } from './descriptor.ts'
export { NativeError } from './error.ts'
export { Layout, type LayoutType } from './layout.ts'
export { Link, type LinkInfo } from './link.ts'
export { FileLock } from './lock.ts'
export { BpfMap, type MapInfo, type UpdateFlag } from './map.ts'
export { checkPin } from './map-layout.ts'
export { mount, remountWritable } from './mount.ts'
export {
  type Address,
  type Family,
  type FirewallTable,
  type Listener,
  Netns,
  type NetnsOperation,
  type NetnsResult,
  NetnsWatch,
  type Route,
  type Rule
} from './netns.ts'
export { BpfObject, type LoadOptions } from './object.ts'
export { type BlankInstance, Program, type TestRunInput, type TestRunResult } from './program.ts'
export { RingBuffer, type RingBufferOptions } from './ringbuffer.ts'
export { type PeerIdentity, SeqpacketConnection, SeqpacketServer } from './seqpacket.ts'
export { Turns } from './turns.ts'
