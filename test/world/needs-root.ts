import type { TestContext } from 'vitest'

/** Skips a test where we are not root, saying what for. */
export function needsRoot(context: TestContext, what: string): void {
  context.skip(process.getuid?.() !== 0, `needs root: ${what}; run it with sudo`)
}
