import type { Stage } from './stage.ts'
import { type Namespace, openNamespace } from './stage-namespace.ts'
import { inGuest } from './stage-shell.ts'

const listener = new URL('stage-listener.mjs', import.meta.url).pathname

/** What a stage is connected to. */
export interface Town {
  /** A router with servers behind it. */
  readonly internet: Namespace
  /** Starts something that answers `you are ADDRESS`; where: `ADDRESS:PORT`. */
  listen(where: Namespace, ...places: readonly string[]): Promise<void>
  close(): void
}

/** Addresses of the host on its uplink, of the router there and of a server behind it. */
export const addresses = { uplink: '198.51.100.2', router: '198.51.100.1', server: '203.0.113.1' } as const

/** Puts an uplink into the stage's network and the internet behind it. */
export async function connectStage({ net }: Stage): Promise<Town> {
  const internet = await openNamespace()
  await net.ip(
    `link add name up0 type veth peer name in0 netns ${internet.pid}`,
    `addr add ${addresses.uplink}/24 dev up0`,
    'link set dev up0 up',
    `route add default via ${addresses.router}`,
  )
  await internet.ip(
    `addr add ${addresses.router}/24 dev in0`,
    'link set dev in0 up',
    `addr add ${addresses.server}/32 dev lo`,
  )
  return {
    internet,
    listen: async (where, ...places) => void (await where.start([process.execPath, listener, ...places])),
    close: () => internet.close(),
  }
}

/** What each of these answers to a guest, all asked at once: `ADDRESS:PORT` by TCP, `ADDRESS` by ping. '' for nothing. */
export async function answersTo(
  stage: Stage,
  guest: string,
  targets: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const probes = targets.map((target) => {
    const [address, port] = target.split(':')
    const tcp = `nc -w 3 ${address} ${port} < /dev/null 2> /dev/null`
    const ping = `ping -c 1 -W 3 ${address} > /dev/null 2>&1 && echo pong`
    return `(echo "${target} $(${port ? tcp : ping})") &`
  })
  const said = await inGuest(stage, guest, `${probes.join(' ')} wait`, 60)
  const lines = said.split('\n').map((line) => line.split(' '))
  const told = new Map(lines.map(([target = '', ...words]) => [target, words.join(' ').trim()]))
  return Object.fromEntries(targets.map((target) => [target, told.get(target) ?? '(not asked)']))
}
