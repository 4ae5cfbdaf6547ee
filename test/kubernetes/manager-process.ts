import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { moorageBundle } from '../host/stage-guest.ts'

/** A manager as a program of its own, which can be started again and again. */
export interface ManagerProcess {
  /** 0 while none runs. */
  readonly pid: number
  start(): void
  /** Whether the one that runs leads, as far as it says. */
  leads(): boolean
  /** Ends it and waits until it is gone; nothing when none runs. */
  end(signal: NodeJS.Signals): Promise<void>
  /** Everything that managers of this folder logged. */
  log(): string
}

/** One that was not started yet; `folder` takes its log. */
export function newManager(kubeconfig: string, folder: string): ManagerProcess {
  const path = join(folder, 'manager.log')
  const read = () => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  let child: ChildProcess | null = null
  let from = 0
  return {
    get pid() {
      return child?.pid ?? 0
    },
    start() {
      if (child) throw new Error('the manager of this cluster runs already')
      const log = openSync(path, 'a')
      from = read().length
      const argv = [moorageBundle, 'manage', '--kubeconfig', kubeconfig]
      child = spawn(process.execPath, argv, { stdio: ['ignore', log, log] })
    },
    async end(signal) {
      const ending = child
      child = null
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
      const gone = once(ending, 'exit')
      ending.kill(signal)
      await gone
    },
    leads() {
      const said = read().slice(from)
      return (
        child !== null && said.lastIndexOf('this manager leads"') > said.lastIndexOf('this manager leads no longer')
      )
    },
    log: read,
  }
}
