import type { Bug } from './bug.ts'

/** Mistakes by which one object that fails holds up the others. */
export const delayBugs: readonly Bug[] = [
  {
    name: 'one-failure-holds-everything',
    file: 'controller/executor.ts',
    find: 'if (backoff.holds(action.id, wishes.get(action.id)!, clock.now())) failed.add(action.id)',
    replace: 'if (backoff.failures.size > 0) failed.add(action.id)',
    why: 'while something fails everything waits for its next try',
  },
  {
    name: 'one-lane-for-all-machines',
    file: 'controller/executor.ts',
    find: 'rest: new PQueue({ concurrency: 32 }),',
    replace: 'rest: new PQueue({ concurrency: 1 }),',
    why: 'one at a time is simpler, until one of them hangs',
  },
  {
    name: 'one-start-at-a-time',
    file: 'controller/executor.ts',
    find: 'starts: new PQueue({ concurrency: deps.starts }),',
    replace: 'starts: new PQueue({ concurrency: 1 }),',
    why: 'a start takes a whole processor; one that never greets takes all of them',
  },
]
