import { linuxClock, linuxRandom } from '../../src/world/linux/clock.ts'
import { linuxFiles } from '../../src/world/linux/files.ts'
import { linuxProcess } from '../../src/world/linux/process.ts'
import { linuxStream } from '../../src/world/linux/stream.ts'
import type { World } from '../../src/world/world.ts'

/** The real world without a network of its own: these tests make their links with ip(8). */
export function hostWorld(): World {
  const unused = new Proxy({}, { get: () => () => Promise.reject(new Error('not in this test')) })
  return {
    net: unused as World['net'],
    watch: unused as World['watch'],
    process: linuxProcess(),
    files: linuxFiles(),
    stream: linuxStream(),
    clock: linuxClock(),
    random: linuxRandom(),
  }
}
