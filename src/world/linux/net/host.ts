import type { Process } from '../../process.ts'

/** What the network of this host is reached by: programs that run in its namespace, and its /proc/sys. */
export interface NetHost {
  run: Process['run']
  readText(path: string): Promise<string>
  writeText(path: string, text: string): Promise<void>
}
