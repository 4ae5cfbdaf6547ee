import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Milliseconds. A guest under emulation takes ten seconds to boot, and some tests boot it more than once. */
const patience = 180_000

/** What starts the command line or other programs, or waits for the kernel: a minute that is mostly waiting. */
const processes = [
  'test/cli/command-line.test.ts',
  'test/cli/with-controller.test.ts',
  'test/source/crash.test.ts',
  'test/world/linux-*.test.ts',
]

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...processes,
            'test/host/**',
            'test/hostile/**',
            'test/bench/**',
            'test/kubernetes/*.test.ts',
            'test/kubelet/**',
          ],
          // Half of the time would go to loading the same modules anew.
          isolate: false,
          // Vitest leaves one processor idle, which on two of them means one file after the other; some files mostly wait.
          maxWorkers: availableParallelism() + 1,
          // Properties try thousands of cases; a busy machine takes its time.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'processes',
          include: processes,
          maxWorkers: availableParallelism() + 1,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          // Links that are swapped under real files, and a thousand bad inputs of each kind: half a minute of processor time.
          name: 'hostile',
          include: ['test/hostile/**/*.test.ts'],
          maxWorkers: availableParallelism() + 1,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'host',
          include: ['test/host/*.test.ts'],
          // They share the machine: its cores, its kernel's limits.
          fileParallelism: false,
          testTimeout: patience,
          hookTimeout: patience,
        },
      },
      {
        test: {
          // One real control plane for all of it, which its setup starts.
          name: 'kubernetes',
          include: ['test/kubernetes/*.test.ts'],
          globalSetup: ['test/kubernetes/setup.ts'],
          fileParallelism: false,
          testTimeout: patience,
          hookTimeout: patience,
        },
      },
      {
        test: {
          // One emulated node for all of it: each step is minutes of a busy machine.
          name: 'kubelet',
          include: ['test/kubelet/*.test.ts'],
          testTimeout: 5 * patience,
          hookTimeout: 5 * patience,
        },
      },
    ],
  },
})
