// SPDX-License-Identifier: Apache-2.0
// Where the API server is and who asks it: @kubernetes/client-node reads kubeconfig files and service accounts, and
// knows every way to authenticate. Its HTTP stack is left alone: node:https takes 20 MiB less.

import { Agent, type RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { SluiceError } from '../errors/error.ts'

export interface TlsOptions extends Omit<RequestOptions, 'headers'> {
  headers: Record<string, string>
}

// An idle connection for what is written now and then; more are closed when they have been used.
const IDLE_CONNECTIONS = 1

export class Credentials {
  readonly #read: () => KubeConfig
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS })
  #config: KubeConfig

  private constructor(read: () => KubeConfig) {
    this.#read = read
    this.#config = read()
  }

  /**
   * @param kubeconfig undefined: what KUBECONFIG names, ~/.kube/config, or the pod's service account
   * @throws SluiceError SLUICE_ERR_KUBERNETES_CONFIG
   */
  static async open(kubeconfig: string | undefined): Promise<Credentials> {
    const { KubeConfig } = await import('@kubernetes/client-node')
    const read = () => {
      const config = new KubeConfig()
      if (kubeconfig === undefined) config.loadFromDefault()
      else config.loadFromFile(kubeconfig)
      requireServer(config)
      return config
    }
    try {
      return new Credentials(read)
    } catch (cause) {
      throw new SluiceError('SLUICE_ERR_KUBERNETES_CONFIG', { path: kubeconfig ?? 'default' }, cause)
    }
  }

  /** `https://10.96.0.1:443`, without a slash at its end. */
  get server(): string {
    return this.#config.getCurrentCluster()?.server ?? ''
  }

  /** The namespace that the configuration is for: in a pod, the pod's own. */
  get namespace(): string | undefined {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace?.trim()
  }

  /** Certificates and keys are read from their files each time, tokens once a minute: all of them rotate. */
  async options(): Promise<TlsOptions> {
    const options: TlsOptions = { headers: {} }
    await this.#config.applyToHTTPSOptions(options)
    // Its own agent keeps the first certificates for ever; a proxy's is the way to the server.
    const proxied = this.#config.getCurrentCluster()?.proxyUrl !== undefined
    return proxied || !this.server.startsWith('https:') ? options : { ...options, agent: this.#agent }
  }

  /** After the server has refused them: the configuration may be another by now. */
  renew(): void {
    try {
      this.#config = this.#read()
    } catch {
      // It is being written: what was read before is tried again, and refused again.
    }
  }

  close(): void {
    this.#agent.destroy()
  }
}

// Outside a pod and without a file client-node makes up http://localhost:8080, which it then refuses to ask.
function requireServer(config: KubeConfig): void {
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error('no current context')
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify)
    throw new Error(`${cluster.server} is not https, and nothing else is configured`)
}
