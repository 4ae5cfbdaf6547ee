import type { Clock } from '../clock.ts'
import type { Watch } from '../watch.ts'
import { monitor } from './monitor.ts'
import { watchDirectory } from './watch-directory.ts'
import { fileWatch } from './watch-file.ts'

export interface WatchOptions {
  readonly clock: Clock
  /** Put before `ip` and `nft`, such as `['ip', 'netns', 'exec', NAME]`: whose links and rules are watched. Default: ours. */
  readonly prefix?: readonly string[]
}

/** The hints of this host. */
export function linuxWatch({ clock, prefix = [] }: WatchOptions): Watch {
  const watchFile = fileWatch(clock)
  return {
    directory: (path, wake) => watchDirectory(path, wake, watchFile, clock),
    file: async (path, wake) => watchFile(path, wake),
    links: (wake) => monitor([...prefix, 'ip', 'monitor', 'link', 'address', 'netconf'], clock, wake),
    rules: (wake) => monitor([...prefix, 'nft', 'monitor'], clock, wake),
  }
}
