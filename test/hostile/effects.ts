import type { AnyObject } from '../../src/api/kinds.ts'
import { keyOf, refOf } from '../../src/api/meta.ts'
import { configSchema } from '../../src/controller/config.ts'
import { newFactReader } from '../../src/controller/facts.ts'
import { operationsOf } from '../../src/host/network.ts'
import { qemuCommand } from '../../src/hypervisor/qemu-command.ts'
import { plan } from '../../src/plan/plan.ts'
import type { ResolveInput, Wanted } from '../../src/resolve/input.ts'
import { resolve } from '../../src/resolve/resolve.ts'
import { Secret } from '../../src/secret/secret.ts'
import type { Files } from '../../src/world/files.ts'
import { linesOf } from '../../src/world/linux/net/ip-render.ts'
import { refuse } from '../../src/world/linux/net/link-operation.ts'
import { renderSteps, stepsOf } from '../../src/world/linux/net/nft-render.ts'
import { setDefinitions } from '../../src/world/linux/net/nft-sets.ts'
import type { NetOperation } from '../../src/world/net.ts'
import { features, place } from '../hypervisor/boots.ts'
import { emptyHost } from '../memory-host.ts'
import { uidOf } from '../plan/scenario.ts'
import { faultsOfArgv } from './argv.ts'
import { isIpLine, strangeElements } from './batch.ts'

/** What accepted objects came to on their way to the host. */
export interface Effects {
  readonly argvs: number
  readonly lines: number
  readonly elements: number
  readonly faults: readonly string[]
}

/** Every file is there and holds its own path. */
const files = {
  statBeneath: async () => ({
    type: 'file',
    size: 1,
    allocated: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    identity: '1',
    modifiedAt: 0,
  }),
  hashBeneath: async () => 'f'.repeat(64),
  readBeneath: async () => new TextEncoder().encode('v,a=l\nu}e'),
} as unknown as Files

const settings: ResolveInput['settings'] = {
  nodeName: 'host-a',
  root: '',
  volumes: '/var/lib/moorage/volumes',
  users: { first: 61_000, count: 1000 },
  graceSeconds: 30,
  cluster: false,
}

/** Resolves objects as the controller would, plans them onto an empty host, and reads what would be said to QEMU, ip and nft. */
export async function effectsOf(objects: readonly AnyObject[], signal: AbortSignal): Promise<Effects> {
  const wanted = [...new Map(objects.map((object, at) => [keyOf(object), wantedOf(object, at)])).values()]
  const facts = newFactReader(files, configSchema.parse({}), '', { id: 'k1', key: new Secret(new Uint8Array(32)) })
  const host = emptyHost()
  const found = await facts.read(wanted, signal)
  const { state, ledger } = resolve({
    objects: wanted,
    ledger: host.ledger,
    ...found,
    features,
    settings,
    now: host.now,
  })
  const faults: string[] = []
  for (const { boot } of state.machines) {
    const paths = new Set([...boot.disks.map((disk) => disk.path), '/dev/urandom'])
    for (const accel of ['kvm', 'tcg'] as const)
      faults.push(...faultsOfArgv(qemuCommand(boot, { ...place, accel }).argv, paths))
  }
  const { actions } = plan(state, host.observed, ledger, host.now)
  const said = actions.flatMap((action) => operationsOf(ledger.root, action)).map((one) => sayNet(ledger.root, one))
  return {
    argvs: state.machines.length * 2,
    lines: said.reduce((sum, { lines }) => sum + lines, 0),
    elements: said.reduce((sum, { elements }) => sum + elements, 0),
    faults: [...faults, ...said.flatMap((one) => one.faults)],
  }
}

function sayNet(root: Parameters<typeof stepsOf>[0], operation: NetOperation): Effects {
  switch (operation.op) {
    case 'removeRules':
    case 'replaceRules':
    case 'changeRules': {
      const steps = stepsOf(root, 0, operation)
      const elements = steps.flatMap((step) => ('element' in step ? [step] : []))
      const refused = elements.filter(({ set, element }) => !setDefinitions[set].accepts(element))
      const strange = strangeElements(renderSteps(root, elements))
      const faults = [
        ...refused.map(({ set, element }) => `nft: ${JSON.stringify(element)} is not for ${set}`),
        ...strange,
      ]
      return { argvs: 0, lines: 0, elements: elements.length, faults }
    }
    case 'setForwarding':
    case 'removeLink':
      return { argvs: 0, lines: 0, elements: 0, faults: [] }
    default: {
      const why = refuse(operation)
      const lines = linesOf(0, operation).map(({ text }) => text)
      const strange = lines.filter((line) => !isIpLine(line)).map((line) => `ip: ${JSON.stringify(line)}`)
      return { argvs: 0, lines: lines.length, elements: 0, faults: why === null ? strange : [why] }
    }
  }
}

function wantedOf(object: AnyObject, at: number): Wanted {
  const key = keyOf(object)
  return { key, ref: refOf(object), uid: uidOf(key), generation: 1, createdAt: at, object, deletion: null }
}
