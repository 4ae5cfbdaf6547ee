import type { Notify } from '../notify.ts'
import { run } from './run.ts'

/** Milliseconds; 9 are usual. */
const deadline = 10_000

/** Who started us and says so in the environment; null when nobody waits for news. Node has no datagram sockets, hence a tool. */
export function linuxNotify(environment: NodeJS.ProcessEnv = process.env): Notify | null {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC, WATCHDOG_PID } = environment
  if (!socket) return null
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  const watchdog = Number(WATCHDOG_USEC ?? 0) / 1000
  return {
    watchdog: isOurs && watchdog > 0 ? watchdog : null,
    async tell(...assignments) {
      const argv = ['env', `NOTIFY_SOCKET=${socket}`, 'systemd-notify', ...assignments]
      const { code, stderr } = await run({ argv, timeout: deadline }, new AbortController().signal)
      if (code !== 0)
        throw new Error(`systemd-notify ${assignments.join(' ')}: ${stderr.trim() || `exit code ${code}`}`)
    },
  }
}
