// SPDX-License-Identifier: Apache-2.0
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { Bridge } from './bridge.ts'
import { type CgroupLayout, type PodCgroups, podCgroups, type Qos } from './cgroups.ts'
import type { Described, Manifests } from './manifests.ts'
import { DIAL, Place } from './place.ts'
import { Running } from './running.ts'

export interface PodOptions {
  readonly name: string
  /** Default "default". The namespace's own manifest is `world.namespace()`'s business. */
  readonly namespace?: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  readonly serviceAccount?: string
  /** Default: one address of each family. `false`: none of that family; a text: this address. */
  readonly ipv4?: string | false
  readonly ipv6?: string | false
  /** Whether the manifest carries status.podIPs. Default true. */
  readonly statusIps?: boolean
  readonly qos?: Qos
  readonly layout?: Partial<CgroupLayout>
  readonly uid?: string
  readonly hostNetwork?: boolean
  /** A port that the kubelet is to probe. */
  readonly probe?: number
  readonly runtimeClass?: string
  readonly phase?: string
  /** Default true: manifest, cgroup, network namespace, sandbox process, in this order. False: do it yourself. */
  readonly start?: boolean
  /** Default true. False: no process keeps the pod alive. */
  readonly sandbox?: boolean
  /** Default true. False: the pod source never hears of this pod. */
  readonly listed?: boolean
}

export interface PodSurroundings {
  readonly prefix: string
  /** Absolute path of the world's cgroup. */
  readonly cgroup: string
  readonly bridge: Bridge
  readonly manifests: Manifests
}

export class Pod extends Place implements Described {
  readonly namespace: string
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  /** "" when the pod has no address of the family. */
  readonly ipv4: string
  readonly ipv6: string
  readonly options: PodOptions
  uid: string
  #sandbox: Running | undefined
  #cgroups: PodCgroups
  #incarnation = 0
  readonly #around: PodSurroundings

  constructor(options: PodOptions, around: PodSurroundings) {
    super(options.name, '', '-')
    this.options = options
    this.namespace = options.namespace ?? 'default'
    this.labels = { ...options.labels }
    this.annotations = { ...options.annotations }
    this.uid = options.uid ?? randomUUID()
    this.#around = around
    const { ipv4, ipv6 } = options.hostNetwork ? around.bridge : around.bridge.allocate()
    this.ipv4 = options.ipv4 === false ? '' : (options.ipv4 ?? ipv4)
    this.ipv6 = options.ipv6 === false ? '' : (options.ipv6 ?? ipv6)
    this.#cgroups = this.#place()
  }

  #place(): PodCgroups {
    const { name, namespace, options } = this
    const layout = { driver: 'cgroupfs', depth: 0, ...options.layout } as const
    const cgroups = podCgroups(layout, options.qos ?? 'burstable', this.uid)
    this.cgroup = join(this.#around.cgroup, cgroups.container(randomBytes(8).toString('hex')))
    const incarnation = this.#incarnation++ ? `-${this.#incarnation}` : ''
    this.netns = options.hostNetwork ? '-' : `${this.#around.prefix}-${namespace}-${name}${incarnation}`
    return cgroups
  }

  /** Absolute path of the pod-level cgroup. `cgroup` is its container's, in which processes run. */
  get podCgroup(): string {
    return join(this.#around.cgroup, this.#cgroups.pod)
  }

  get file(): string {
    return `pod-${this.namespace}-${this.name}`
  }

  /** The address of a family. */
  address(family: 'ipv4' | 'ipv6'): string {
    return family === 'ipv4' ? this.ipv4 : this.ipv6
  }

  manifest(): object {
    const { name, namespace, uid, labels, annotations, options } = this
    const ips = options.statusIps === false ? [] : [this.ipv4, this.ipv6].filter(Boolean)
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, uid, labels, annotations },
      spec: {
        serviceAccountName: options.serviceAccount ?? name,
        ...(options.hostNetwork ? { hostNetwork: true } : {}),
        ...(options.runtimeClass ? { runtimeClassName: options.runtimeClass } : {}),
        containers: [
          {
            name: 'app',
            image: 'app',
            ...(options.probe ? { livenessProbe: { tcpSocket: { port: options.probe } } } : {})
          }
        ]
      },
      status: {
        phase: options.phase ?? 'Running',
        ...(ips.length > 0 ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {})
      }
    }
  }

  /** The manifest as YAML. */
  text(): string {
    return stringify(this.manifest())
  }

  writeManifest(): Promise<void> {
    return this.#around.manifests.write(this)
  }

  /** Sets an annotation (null: takes it away) and writes the manifest: the pod joins, leaves, or neither. */
  annotate(key: string, value: string | null): Promise<void> {
    return this.#around.manifests.annotate(this, key, value)
  }

  label(key: string, value: string | null): Promise<void> {
    return this.#around.manifests.label(this, key, value)
  }

  /** The pod-level cgroup and its container's. */
  override async makeCgroup(): Promise<void> {
    await mkdir(this.podCgroup, { recursive: true })
    await mkdir(this.cgroup, { recursive: true })
  }

  async makeNetns(): Promise<void> {
    if (this.netns === '-') return
    const { ipv4, ipv6 } = this
    await this.#around.bridge.connect(this.netns, { ipv4: ipv4 || undefined, ipv6: ipv6 || undefined })
  }

  /** The process that a container runtime keeps in every pod; the first one in its network namespace. */
  async startSandbox(): Promise<void> {
    this.#sandbox = new Running(this.argv([DIAL, 'pause']))
    await this.#sandbox.waitForEvent('paused')
  }

  async start(): Promise<void> {
    if (this.options.listed !== false) await this.writeManifest()
    await this.makeCgroup()
    await this.makeNetns()
    if (this.options.sandbox !== false) await this.startSandbox()
  }

  /** Another container of this pod: a cgroup of its own beside the first, the same network namespace. */
  async container(): Promise<Place> {
    const cgroup = join(this.#around.cgroup, this.#cgroups.container(randomBytes(8).toString('hex')))
    const place = new Place(this.name, cgroup, this.netns)
    await place.makeCgroup()
    return place
  }

  /** Kills every process of the pod, as the end of its containers does. */
  async kill(): Promise<void> {
    await writeFile(join(this.podCgroup, 'cgroup.kill'), '1').catch(ignoreMissing)
    await this.#sandbox?.exited
    this.#sandbox = undefined
  }

  async #removeCgroup(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const entries = await readdir(this.podCgroup, { withFileTypes: true })
        for (const entry of entries) if (entry.isDirectory()) await rmdir(join(this.podCgroup, entry.name))
        await rmdir(this.podCgroup)
        return
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
        if (attempt === 1500) throw error
        await sleep(20)
      }
    }
  }

  async removeNetns(): Promise<void> {
    if (this.netns !== '-') await this.#around.bridge.disconnect(this.netns)
  }

  /**
   * Ends the pod and starts it again with the same name and addresses in a new network namespace. A new uid
   * (a StatefulSet's next pod) means a new pod cgroup; the old uid (a sandbox made again) keeps it.
   */
  async restart(options: { uid?: 'same' | 'new' } = {}): Promise<void> {
    await this.kill()
    await this.removeNetns()
    if (options.uid !== 'same') {
      await this.#removeCgroup()
      await this.#around.manifests.remove(this)
      this.uid = randomUUID()
    }
    this.#cgroups = this.#place()
    await this.start()
  }

  /** Processes, network namespace, cgroup and manifest, in the order in which a kubelet removes them. */
  async remove(): Promise<void> {
    await this.kill()
    await this.removeNetns()
    await this.#removeCgroup()
    await this.#around.manifests.remove(this)
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
