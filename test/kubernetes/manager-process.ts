import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../setup/paths.mjs'

/** A manager as a program of its own. */
export interface ManagerProcess {
  readonly pid: number
  /** Everything that it logged. */
  log(): string
  /** Ends it and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** `folder` takes its log. */
export function startManager(kubeconfig: string, folder: string): ManagerProcess {
  const path = join(folder, 'manager.log')
  const log = openSync(path, 'a')
  const argv = [bundle, 'manage', '--kubeconfig', kubeconfig]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', log, log] })
  return {
    pid: child.pid!,
    log: () => readFileSync(path, 'utf8'),
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
    },
  }
}
