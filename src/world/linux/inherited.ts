import { closeSync, readdirSync, readFileSync } from 'node:fs'

/** O_CLOEXEC as `/proc/PID/fdinfo` shows it, in octal; the same on every architecture Moorage runs on. */
const closeOnExec = 0o2000000

/**
 * Descriptors above stderr that our own parent left us and that every child of ours would get too, a VMM as well: Node
 * marks what it inherits close-on-exec only up to the first gap above 15. All of its own are.
 */
export function inheritedDescriptors(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && !isClosedOnExec(descriptor))
}

/** Closes them; to be called once, before anything is started. Not where Node talks to a parent Node through one. */
export function closeInherited(): readonly number[] {
  const descriptors = process.channel === undefined ? inheritedDescriptors() : []
  for (const descriptor of descriptors) closeSync(descriptor)
  return descriptors
}

function isClosedOnExec(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1] ?? '0'
    return (Number.parseInt(flags, 8) & closeOnExec) !== 0
  } catch {
    // The descriptor of the directory that was being read.
    return true
  }
}
