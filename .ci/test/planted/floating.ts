// SPDX-License-Identifier: Apache-2.0
// Planted faults: the lint gate's test expects one finding for each; the normal lint leaves this file out.
import { setTimeout as sleep } from 'node:timers/promises'

async function work(): Promise<void> {
  await sleep(1)
}

export function floats(): void {
  work()
  sleep(5)
}

export function misuses(items: string[]): void {
  items.forEach(async () => {
    await work()
  })
}

export function loosens(value: any): string {
  return String(value)
}
