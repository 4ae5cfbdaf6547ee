/** What asks a controller to end. */
const names = ['SIGTERM', 'SIGINT'] as const

/** A signal that aborts when somebody asks us to end; who asks twice does not want to wait. */
export function untilAsked(): { readonly signal: AbortSignal; readonly stop: () => void } {
  const asked = new AbortController()
  const onSignal = (name: NodeJS.Signals) => {
    if (asked.signal.aborted) process.exit(1)
    asked.abort(new Error(`ended by ${name}`))
  }
  for (const name of names) process.on(name, onSignal)
  return {
    signal: asked.signal,
    stop: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
