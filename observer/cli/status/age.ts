// SPDX-License-Identifier: Apache-2.0

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60]
] as const

/**
 * Time since an instant, in its two largest units: '3d4h', '12m5s', '7s'.
 *
 * @param since ISO 8601
 * @param now Unix time in milliseconds
 */
export function ageText(since: string, now: number): string {
  let seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000))
  if (Number.isNaN(seconds)) return '?'
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size)
    seconds -= count * size
    if (count > 0 || parts.length > 0) parts.push(`${count}${unit}`)
  }
  parts.push(`${seconds}s`)
  return parts.slice(0, 2).join('')
}
