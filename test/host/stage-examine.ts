import type { TestContext } from 'vitest'
import type { Stage } from './stage.ts'
import { inGuest } from './stage-shell.ts'

/** What somebody who looks into a failure wants to see of a stage. */
export async function examine(stage: Stage): Promise<string> {
  const parts = [`the log of the controller ends:\n${stage.log().split('\n').slice(-30).join('\n')}`]
  for (const argv of [
    ['ip', '-s', 'link'],
    ['ip', 'neigh'],
    ['bridge', 'fdb'],
  ]) {
    parts.push(`${argv.join(' ')}:\n${(await stage.net.run(argv)).stdout}`)
  }
  for (const { name, pid } of stage.vmms()) {
    const short = name.replace(/^.*[.]/, '')
    const said = await inGuest(stage, short, 'ip addr; ip neigh; grep virtio /proc/interrupts', 5).catch(String)
    parts.push(`${name}, pid ${pid}, console:\n${stage.console(short).slice(-500)}\nshell:\n${said}`)
  }
  return parts.join('\n\n')
}

/** Shows it when a test failed; for `afterEach`. */
export async function tellWhenFailed({ task }: TestContext, stage: Stage | undefined): Promise<void> {
  if (task.result?.state === 'fail' && stage) console.warn(`${task.name} failed; ${await examine(stage)}`)
}
