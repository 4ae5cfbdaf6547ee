/** Ends of a process that leave no time for `finally`. */
const deaths = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const

/**
 * Puts the terminal on stdin into raw mode, when there is one; answers what puts it back, which also happens when the
 * process ends in whatever way it can notice. Safe to call twice.
 */
export function rawTerminal(): () => void {
  const { stdin } = process
  if (!stdin.isTTY) return () => {}
  const restore = () => {
    if (stdin.isRaw) stdin.setRawMode(false)
    process.off('exit', restore)
    for (const name of deaths) process.off(name, die)
  }
  const die = (name: NodeJS.Signals) => {
    restore()
    process.kill(process.pid, name)
  }
  process.on('exit', restore)
  for (const name of deaths) process.on(name, die)
  stdin.setRawMode(true)
  return restore
}
