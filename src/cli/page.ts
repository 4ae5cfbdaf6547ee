import type { Command } from 'commander'
import type { Context } from './context.ts'

/** A command: how it is called, and what it does. `run` answers the exit code; it throws what should be told instead. */
export interface Page<Args extends readonly unknown[] = readonly unknown[], Options = object> {
  /** Adds arguments, options and help to a bare command. */
  define(command: Command): void
  run(context: Context, args: Args, options: Options): Promise<number>
}
