// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { requireRecord } from './argument.ts'
import { closedError, invalidArgument, type NativeError, toNativeError } from './error.ts'
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
  fillInstance(program: ProgramHandle, patches: Patch[]): void
  loadInstance(
    program: ProgramHandle,
    patches: Patch[],
    blank: boolean,
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
    return new Program(native.instanceOfProgram(this.#handle, patchesOf(this.#knobs, knobs)), this.#knobs)
  }

  /** The same on a thread of libuv's pool: the kernel takes over a millisecond. The object may be closed meanwhile. */
  async instanceAsync(knobs: KnobValues): Promise<Program> {
    return new Program(await this.#load(knobs, false), this.#knobs)
  }

  /**
   * As `instanceAsync`, for constants that nobody knows yet: the kernel verifies it without their values, and does not
   * do so again. The sections that hold them are filled in by one call; other constants belong into another section.
   */
  async blankAsync(knobs: readonly string[]): Promise<BlankInstance> {
    const unknown = Object.fromEntries(knobs.map((name) => [name, 0]))
    return new BlankInstance(await this.#load(unknown, true), this.#knobs)
  }

  #load(knobs: KnobValues, blank: boolean): Promise<ProgramHandle> {
    return new Promise((resolve, reject) => {
      native.loadInstance(this.#handle, patchesOf(this.#knobs, knobs), blank, (failure, instance) => {
        if (instance !== undefined) resolve(instance)
        else reject(toNativeError(failure) as NativeError)
      })
    })
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

/** A loaded program that lacks constants, and so cannot be attached. Holds a descriptor more than a program. */
export class BlankInstance {
  readonly #knobs: readonly Knob[]
  readonly #handle: ProgramHandle
  #filled = false

  /** Made by `Program.blankAsync`. */
  constructor(handle: ProgramHandle, knobs: readonly Knob[]) {
    this.#handle = handle
    this.#knobs = knobs
  }

  /** Writes the constants, frozen from then on. @returns the program, the caller's to close; once */
  fill(knobs: KnobValues): Program {
    if (this.#filled) throw closedError('instance')
    native.fillInstance(this.#handle, patchesOf(this.#knobs, knobs))
    this.#filled = true
    return new Program(this.#handle, this.#knobs)
  }

  /** Of one that was filled nothing is closed. */
  close(): void {
    if (!this.#filled) native.closeProgram(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function patchesOf(known: readonly Knob[], knobs: KnobValues): Patch[] {
  return encodeKnobs(known, knobs).map(({ section, offset, bytes }) => [section, offset, bytes])
}
