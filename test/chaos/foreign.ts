import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Stage } from '../host/stage.ts'
import { netPictureOf } from '../host/stage-picture.ts'

/** A table of somebody else. */
export const foreignTable = 'stranger'

/** Things in the namespace of a stage that are nobody's business. */
export interface Foreign {
  /** What of them is not as it was, a sentence each. */
  changed(): Promise<readonly string[]>
  end(): void
}

const links = ['br-stranger', 'stranger0', 'moorage0']

/** A bridge with a port, a link whose alias looks nearly like ours, a table, and a process named like a VMM. */
export async function placeForeign(stage: Stage): Promise<Foreign> {
  await stage.net.ip(
    'link add name br-stranger type bridge',
    'link add name stranger0 type veth peer name moorage0',
    'link set dev stranger0 master br-stranger alias "somebody else"',
    'link set dev moorage0 alias moorage:00000000/MicroVM/default/a',
    'addr add 192.0.2.1/24 dev br-stranger',
  )
  const rules = `table inet ${foreignTable} { chain input { type filter hook input priority 10; tcp dport 9 drop; }; }\n`
  await stage.net.exec(['nft', '-f', '-'], rules)
  const [program, ...args] = stage.net.within(['sleep', '1000'])
  const child = spawn(program, args, { stdio: 'ignore', argv0: 'qemu-system-x86_64' })
  const before = await picture(stage)
  const born = bornAt(child.pid!)
  return {
    async changed() {
      const now = await picture(stage)
      const wrong = now === before ? [] : [`what is foreign was changed: ${now}, was ${before}`]
      return bornAt(child.pid!) === born ? wrong : [...wrong, `the foreign process ${child.pid} is gone`]
    },
    end: () => void child.kill('SIGKILL'),
  }
}

async function picture(stage: Stage): Promise<string> {
  const whole = await netPictureOf(stage)
  const rules = whole.rules.filter((line) => line.includes(foreignTable))
  return JSON.stringify([whole.links.filter(({ ifname }) => links.includes(String(ifname))), rules])
}

/** Start time and state of a process; '' when it is gone or a zombie. */
function bornAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? '' : fields[19]!
  } catch {
    return ''
  }
}
