// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { selection, selectionPolicy } from '../../agent/selection.ts'
import { loadConfig } from '../../config/load.ts'
import { pod } from '../pods/pods.ts'

const AMBIENT = { name: 'shop', labels: { 'istio.io/dataplane-mode': 'ambient' }, annotations: {} }
const OWN = { namespace: 'shop', serviceAccount: 'sluice' }

describe("the agent's own pod", () => {
  const config = loadConfig()
  const own = pod({ serviceAccount: 'sluice' })

  it('is never in the mesh, whatever its namespace says', () => {
    const judge = selection(config, selectionPolicy(config, OWN))
    expect(judge(own, AMBIENT)).toMatchObject({ decision: 'out', decidedBy: 'agent', neverHeld: true })
    expect(judge(pod(), AMBIENT)).toMatchObject({ decision: 'in' })
  })

  it('is no pod of an agent that runs on the node', () => {
    const judge = selection(config, selectionPolicy(config, undefined))
    expect(judge(own, AMBIENT)).toMatchObject({ decision: 'in' })
  })
})

describe('runtime classes that are set', () => {
  const judge = (text: string, runtimeClass: string) => {
    const config = loadConfig({ file: { path: 'config.yaml', text } })
    return selection(config, selectionPolicy(config, undefined))(pod({ runtimeClass }), AMBIENT).decision
  }

  it.each([
    ['', 'sandboxed', 'in'],
    ['', 'kata-qemu', 'unsupported'],
    ['unsupportedRuntimeClasses: [sandboxed]', 'sandboxed', 'unsupported'],
    ['unsupportedRuntimeClasses: [sandboxed]', 'sandboxed-gpu', 'unsupported'],
    ['unsupportedRuntimeClasses: [sandboxed]', 'kata', 'in'],
    ['unsupportedRuntimeClasses: []', 'gvisor', 'in']
  ])('%j: a pod of class %s is %s', (text, runtimeClass, decision) => {
    expect(judge(text, runtimeClass)).toBe(decision)
  })
})
