// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { World } from './netns-world.ts'

export const ADDRESSES = {
  target: { ipv4: '10.78.0.1', ipv6: 'fd78::1' },
  peer: { ipv4: '10.78.0.2', ipv6: 'fd78::2' }
} as const

/** sockdiag-endpoint.c at work in a network namespace. */
export class Endpoint {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #interface: Interface

  constructor(program: string, world: World) {
    this.#child = spawn('ip', ['netns', 'exec', world.name, program])
    this.#interface = createInterface(this.#child.stdout)
    this.#lines = this.#interface[Symbol.asyncIterator]()
  }

  async ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`sockdiag-endpoint ended at: ${line}`)
    return value
  }

  /** @returns the connection's number, for `states` */
  connect(address: string, port: number, mark = 0): Promise<number> {
    return this.ask(`connect ${address} ${port} ${mark}`).then(Number)
  }

  accept(port: number): Promise<number> {
    return this.ask(`accept ${port}`).then(Number)
  }

  /** By number: what recv() says. EAGAIN: the connection lives. */
  async states(): Promise<string[]> {
    return (await this.ask('states')).split(' ')
  }

  close(): void {
    this.#interface.close()
    this.#child.kill('SIGKILL')
  }
}

/** Two network namespaces with a wire between. The caller disposes of both. */
export function wired(): { target: World; peer: World } {
  const target = new World()
  const peer = new World()
  const link = `link add wire type veth peer name wire netns ${peer.name}`
  execFileSync('ip', ['-n', target.name, ...link.split(' ')])
  for (const [world, { ipv4, ipv6 }] of [
    [target, ADDRESSES.target],
    [peer, ADDRESSES.peer]
  ] as const) {
    world.ip(`addr add ${ipv4}/24 dev wire`)
    world.ip(`addr add ${ipv6}/64 dev wire nodad`)
    world.ip('link set wire up')
  }
  return { target, peer }
}
