// @ts-nocheck: it reaches into what Node does not declare.
// Loaded into the real command by NODE_OPTIONS: writes a line for every program that it starts into MOORAGE_SPY.
const childProcess = require('node:child_process')
const { appendFileSync } = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')

const tell = (argv) => appendFileSync(process.env.MOORAGE_SPY, `${JSON.stringify(argv)}\n`)

const { spawn } = childProcess.ChildProcess.prototype
childProcess.ChildProcess.prototype.spawn = function spawnAndTell(options) {
  tell(options.args)
  return spawn.call(this, options)
}
for (const name of ['spawnSync', 'execFileSync', 'execSync']) {
  const original = childProcess[name]
  childProcess[name] = (...given) => {
    tell([name, ...given.slice(0, 2).flat()])
    return original(...given)
  }
}
syncBuiltinESMExports()
