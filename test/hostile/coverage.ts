import { type Profiler, Session } from 'node:inspector'

/** Tells whether what ran since the last question reached code that nothing had reached before. */
export interface Coverage {
  news(): boolean
  /** Blocks reached so far. */
  readonly blocks: number
  stop(): void
}

/** V8's precise block coverage of the modules whose address contains `part`, of this process, as it runs. */
export function coverage(part: string): Coverage {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const reached = new Set<string>()
  const take = (): readonly Profiler.ScriptCoverage[] => {
    let scripts: readonly Profiler.ScriptCoverage[] = []
    // In the same thread the answer comes before `post` returns.
    session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error === null) scripts = answer.result
    })
    return scripts
  }
  return {
    news() {
      const before = reached.size
      for (const { url, scriptId, functions } of take()) {
        if (!url.includes(part)) continue
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            // How often, in powers of two: a loop that goes round more is news as well.
            if (count > 0)
              reached.add(`${scriptId}:${startOffset}:${endOffset}:${Math.min(Math.floor(Math.log2(count)), 10)}`)
          }
        }
      }
      return reached.size > before
    },
    get blocks() {
      return reached.size
    },
    stop() {
      session.post('Profiler.stopPreciseCoverage')
      session.disconnect()
    },
  }
}
