/** What a share of a run tells of itself while it is at it. */
export interface Progress {
  /** What it begins with: how to run it again. */
  readonly begins: string
}

/** Milliseconds of wall clock after which a process that has begun with nothing new turns for ever. */
export const longestSilence = 60_000

/** Tells whoever started this share what comes now: one that turns for ever can say nothing afterwards. */
export function begin(begins: string): void {
  if (process.env.MOORAGE_SIM_SHARE !== undefined) process.send?.({ begins } satisfies Progress)
}

/** Ends what is silent for too long; `heard` is called whenever it says something. */
export function watchdog(end: () => void): { heard(): void; stop(): void } {
  let timer = setTimeout(end, longestSilence)
  const stop = () => clearTimeout(timer)
  return {
    heard() {
      stop()
      timer = setTimeout(end, longestSilence)
    },
    stop,
  }
}
