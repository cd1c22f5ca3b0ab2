// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { requireRecord } from './argument.ts'
import { invalidArgument, type NativeError, toNativeError } from './error.ts'
import { encodeKnobs, type Knob, type KnobValues } from './knob.ts'
import { Link, type LinkHandle } from './link.ts'

export type ProgramHandle = { readonly program: unique symbol }

type Patch = [section: string, offset: number, bytes: Uint8Array]

interface ProgramBindings {
  describeProgram(program: ProgramHandle): { name: string; id: number; type: string }
  attachCgroup(program: ProgramHandle, path: string): LinkHandle
  attachTracing(program: ProgramHandle): LinkHandle
  attachNetns(program: ProgramHandle, fd: number): LinkHandle
  instanceOfProgram(program: ProgramHandle, patches: Patch[]): ProgramHandle
  loadInstance(
    program: ProgramHandle,
    patches: Patch[],
    settle: (failure: unknown, instance: ProgramHandle | undefined) => void
  ): void
  testRun(program: ProgramHandle, data: unknown, ctx: unknown, repeat: unknown): TestRunResult
  closeProgram(program: ProgramHandle): void
}

const native = bindings<ProgramBindings>()

export interface TestRunInput {
  data?: Uint8Array
  ctx?: Uint8Array
  repeat?: number
}

/** `data`: the packet afterwards, or the context of a program that runs on one. `durationNs`: of one run. */
export interface TestRunResult {
  retval: number
  durationNs: number
  data: Uint8Array
}

const handles = new WeakMap<Program, ProgramHandle>()

/** For the classes that hand a program to the addon. */
export function programHandle(program: Program): ProgramHandle {
  const handle = typeof program === 'object' && program !== null ? handles.get(program) : undefined
  if (handle === undefined) throw invalidArgument('a Program', 'program', program)
  return handle
}

/** A loaded program. Closing it leaves it attached where a link holds it. */
export class Program {
  readonly name: string
  readonly id: number
  /** libbpf's name of the program type: 'sk_lookup', 'cgroup_sock_addr'... */
  readonly type: string
  readonly #handle: ProgramHandle
  readonly #knobs: readonly Knob[]

  /** Not for callers: objects make programs. */
  constructor(handle: ProgramHandle, knobs: readonly Knob[]) {
    this.#handle = handle
    this.#knobs = knobs
    handles.set(this, handle)
    const { name, id, type } = native.describeProgram(handle)
    this.name = name
    this.id = id
    this.type = type
  }

  /** `cgroupPath`: a cgroup v2 directory; other programs may be attached to it as well. */
  attachCgroup(cgroupPath: string): Link {
    return new Link(native.attachCgroup(this.#handle, cgroupPath))
  }

  /** Attaches to the tracepoint or function that the program's section names. */
  attachTracing(): Link {
    return new Link(native.attachTracing(this.#handle))
  }

  /** `netnsFd`: of a network namespace, open for the duration of the call. */
  attachNetns(netnsFd: number): Link {
    return new Link(native.attachNetns(this.#handle, netnsFd))
  }

  /**
   * Loads the same instructions again with other constants: the maps are shared, the `const volatile` globals are a
   * frozen copy of their own. Lives longer than the object; needs it open only for this call. Not for programs that
   * call global (non-static) functions: those need type information that a second load does not carry.
   */
  instance(knobs: KnobValues): Program {
    return new Program(native.instanceOfProgram(this.#handle, this.#patches(knobs)), this.#knobs)
  }

  /** The same on a thread of libuv's pool: the kernel takes over a millisecond. The object may be closed meanwhile. */
  async instanceAsync(knobs: KnobValues): Promise<Program> {
    const handle = await new Promise<ProgramHandle>((resolve, reject) => {
      native.loadInstance(this.#handle, this.#patches(knobs), (failure, instance) => {
        if (instance !== undefined) resolve(instance)
        else reject(toNativeError(failure) as NativeError)
      })
    })
    return new Program(handle, this.#knobs)
  }

  #patches(knobs: KnobValues): Patch[] {
    return encodeKnobs(this.#knobs, knobs).map(({ section, offset, bytes }) => [section, offset, bytes])
  }

  /** BPF_PROG_TEST_RUN. `repeat` must be left out for syscall programs. */
  testRun(input: TestRunInput): TestRunResult {
    requireRecord(input, 'input')
    return native.testRun(this.#handle, input.data, input.ctx, input.repeat ?? 0)
  }

  close(): void {
    native.closeProgram(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
