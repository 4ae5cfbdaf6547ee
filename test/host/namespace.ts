import type { TestContext } from 'vitest'

/** Skips a test where it could touch the host itself, saying how to run it; `what` it would do there. */
export function needsNamespace(context: TestContext, what: string): void {
  const inside = process.env.MOORAGE_TEST_NAMESPACE === '1'
  context.skip(!inside, `needs namespaces of its own, since it ${what}; run it by: node test/host/namespace.mjs ...`)
}
