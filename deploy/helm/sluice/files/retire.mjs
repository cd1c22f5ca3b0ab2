// SPDX-License-Identifier: Apache-2.0
// Deletes the DaemonSet and waits until its pods are gone, while their role still lets them ask for it.
import { readFileSync } from 'node:fs'

const {
  KUBERNETES_SERVICE_HOST: host,
  KUBERNETES_SERVICE_PORT: port,
  DAEMONSET,
  NAMESPACE,
  TIMEOUT
} = process.env
const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/${DAEMONSET}`
const authorization = `Bearer ${readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8')}`
const end = Date.now() + Number(TIMEOUT) * 1000

async function ask(method, body) {
  try {
    const headers = { authorization, 'content-type': 'application/json' }
    const { status } = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(5000) })
    return status
  } catch (error) {
    return error.cause?.message ?? error.message
  }
}

// Foreground: it is there, marked as deleted, until the last of its pods has ended.
const foreground = JSON.stringify({
  kind: 'DeleteOptions',
  apiVersion: 'v1',
  propagationPolicy: 'Foreground'
})
let status = await ask('DELETE', foreground)
while (status !== 404 && Date.now() < end) {
  await new Promise((resolve) => setTimeout(resolve, 500))
  status = await ask(status === 200 ? 'GET' : 'DELETE', status === 200 ? undefined : foreground)
}
if (status === 404) console.log(`DaemonSet ${NAMESPACE}/${DAEMONSET} and its pods are gone`)
else
  console.log(
    `DaemonSet ${NAMESPACE}/${DAEMONSET} is not gone after ${TIMEOUT} s (${status}); the uninstall goes on`
  )
