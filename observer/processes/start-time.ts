// SPDX-License-Identifier: Apache-2.0

/**
 * Clock ticks from boot to the start of a process: field 22 of /proc/<pid>/stat. The second field, the name, may hold
 * spaces and parentheses.
 * @returns undefined when there is no such number
 */
export function startTimeOf(stat: string | undefined): bigint | undefined {
  const field = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3]
  return field !== undefined && /^\d+$/.test(field) ? BigInt(field) : undefined
}
