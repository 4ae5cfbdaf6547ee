import type { Clock, Random } from './clock.ts'
import type { Files } from './files.ts'
import type { Net } from './net.ts'
import type { Process } from './process.ts'
import type { Stream } from './stream.ts'
import type { Watch } from './watch.ts'

/** Everything outside this process that Moorage reads or changes. `linux/` is the real one. */
export interface World {
  readonly net: Net
  readonly process: Process
  readonly files: Files
  readonly stream: Stream
  readonly watch: Watch
  readonly clock: Clock
  readonly random: Random
}
