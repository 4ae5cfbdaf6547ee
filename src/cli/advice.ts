import type { About } from '../controller/control-wire.ts'
import type { Paths } from '../controller/paths.ts'
import { conditionOf } from './condition.ts'
import { rootOption } from './context.ts'

type Give = (about: About, command: (words: string) => string) => string

/** By reason of a condition: what somebody who reads it may do next. The condition itself says what is wrong. */
const byReason: Readonly<Record<string, Give>> = {
  CrashLoopBackOff: ({ object }, command) =>
    `read the guest's last words with: ${command(`logs ${object.metadata.name}`)}; once mended, do not wait: ${command(`restart ${object.metadata.name}`)}`,
  InvalidSpec: ({ newer }, command) =>
    `mend the file; ${command(`validate ${newer[0]?.file ?? 'FILE'}`)} shows all that is wrong with it. What runs is not touched meanwhile`,
  Blocked: () => 'put right what the message names; it starts by itself then',
  NotReady: ({ object }, command) =>
    `its guest runs and does not answer: see ${command(`logs ${object.metadata.name}`)}, log in with ${command(`console ${object.metadata.name}`)}, and compare spec.readiness with what the guest serves`,
  Stuck: ({ object }) =>
    `its VMM is there and silent: look at \`dmesg\` and at the disk it is on; ending its process (${pidOf(object)}) lets it be started anew`,
  LinkMissing: (_, command) => `see what is in the way: ${command('plan')}`,
  RulesMissing: (_, command) => `see whether nft runs on this host: ${command('doctor')}`,
  Detached: ({ object }, command) =>
    `its TAP was taken away and could not be given back live: ${command(`restart ${object.metadata.name}`)}`,
  ForeignFirewall: () =>
    'let that chain accept what comes from and goes to our bridges, or its guests reach nobody outside',
  VolumeFault: () => 'look at the folder of the volume and put it back from a backup; it is never overwritten',
  Rotated: ({ object }, command) =>
    `its turn comes by itself; to have it now: ${command(`restart ${object.metadata.name}`)}`,
  Unreadable: () => 'put the file or the Secret back; what runs keeps the values it was started with',
  RestartQueued: (_, command) => `see who is before it: ${command('get MicroVM')}`,
}

/** What to try next, one sentence each; empty when all is well. */
export function adviceFor(about: About, paths: Paths): readonly string[] {
  const { object, newer } = about
  const command = (words: string) => {
    const option = words.startsWith('validate') ? '' : rootOption(paths)
    return `\`moorage ${words}${namespaceOption(about, words)}${option}\``
  }
  const conditions = ['Stalled', 'Ready', 'NetworkReady', 'DisksAttached', 'CredentialsCurrent', 'Reconciling']
  const reasons = conditions.flatMap((type) => conditionOf(object, type)?.reason ?? [])
  const given = [...new Set(reasons)].flatMap((reason) => byReason[reason]?.(about, command) ?? [])
  const held = newer.some(({ line, message }) => line === 0 && message.includes('moorage delete'))
  if (held) given.push(`to confirm that it should go: ${command(`delete ${object.kind} ${object.metadata.name}`)}`)
  return given
}

/** `-n` where the name alone may not do. */
function namespaceOption({ object }: About, words: string): string {
  const { namespace = 'default', name } = object.metadata
  return namespace !== 'default' && words.includes(name) ? ` -n ${namespace}` : ''
}

function pidOf({ status }: About['object']): string {
  const pid = (status?.hypervisor as { pid?: number } | undefined)?.pid
  return pid === undefined ? 'see ps' : `pid ${pid}`
}
