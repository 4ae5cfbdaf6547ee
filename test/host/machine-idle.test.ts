import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { machineHost } from '../../src/host/machine-host.ts'
import type { Process } from '../../src/world/process.ts'
import type { World } from '../../src/world/world.ts'
import { features, never, startedNow, until } from './guest.ts'
import { hostWorld } from './host-world.ts'

const count = 1000
let folder: string
let servers: Server[]
let sockets: Socket[]

beforeEach(() => {
  folder = mkdtempSync('/tmp/moorage-idle-')
  servers = []
  sockets = []
})

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers) server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A QMP server that is always running, as far as anybody asks. */
async function listen(path: string, talk: (socket: Socket) => void): Promise<void> {
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    talk(socket)
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen({ path, backlog: 16 }, done))
}

function qmp(socket: Socket): void {
  socket.write('{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": []}}\n')
  socket.on('data', (bytes) => {
    for (const line of bytes.toString().trim().split('\n')) {
      const { execute, id } = JSON.parse(line) as { execute: string; id: number }
      socket.write(`${JSON.stringify({ return: execute === 'query-status' ? { status: 'running' } : {}, id })}\n`)
    }
  })
}

function uidOf(index: number): string {
  return `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
}

async function populate(world: World): Promise<void> {
  for (let index = 0; index < count; index++) {
    const uid = uidOf(index)
    const path = `${folder}/vms/${uid.replaceAll('-', '').slice(0, 10)}`
    mkdirSync(path, { recursive: true })
    const owner = { kind: 'MicroVM', namespace: 'default', name: `vm-${index}` }
    const file = {
      ...{ version: 1, uid, owner, user: 500_000 + index, name: `default.vm-${index}`, executable: '/vmm' },
      ...{ started: startedNow(world), nics: [], rewirings: [], credentialFiles: [] },
    }
    writeFileSync(`${path}/machine.json`, JSON.stringify(file))
    const resume = '{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "RESUME"}\n'
    writeFileSync(`${path}/events.log`, resume)
    await listen(`${path}/qmp.sock`, qmp)
    await listen(`${path}/life.sock`, () => {})
  }
}

/** The world, with every call counted by name. */
function counted(): { world: World; calls: Record<string, number> } {
  const real = hostWorld()
  const calls: Record<string, number> = {}
  const count = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          calls[String(name)] = (calls[String(name)] ?? 0) + 1
          return (value as (...all: unknown[]) => unknown).apply(target, args)
        }
      },
    })
  const process: Process = {
    ...real.process,
    list: async (uids) =>
      [...uids].map((uid) => {
        const directory = `${folder}/vms/${uid}`
        return { pid: uid, startTime: 1, bootId: 'b', uid, executable: '/vmm', directory }
      }),
  }
  return { world: { ...real, files: count(real.files), stream: count(real.stream), process: count(process) }, calls }
}

test(`${count} running VMs that nothing happens to cost one listing a pass`, async () => {
  const { world, calls } = counted()
  await populate(world)
  const host = machineHost({
    world,
    paths: { run: folder },
    features: () => features,
    log: { warn: () => {}, info: () => {} },
  })
  const first = performance.now()
  const running = async () =>
    (await host.observe({}, [], () => null, never)).filter(({ phase }) => phase === 'Running').length
  await until('all adopted', 30, running, (number) => number === count)
  console.log(`adopted ${count} in ${Math.round(performance.now() - first)} ms`)
  // What the first looks asked for comes in, until there is nothing to ask.
  const asks = async () => {
    const before = calls.read
    await running()
    await delay(1000)
    return calls.read !== before
  }
  await until('quiet', 30, asks, (asked) => !asked)

  for (const name of Object.keys(calls)) delete calls[name]
  const before = process.cpuUsage()
  const passes = 20
  for (let pass = 0; pass < passes; pass++) expect(await running()).toBe(count)
  const { user, system } = process.cpuUsage(before)
  console.log(`an idle look at ${count} VMs: ${((user + system) / 1000 / passes).toFixed(2)} ms of CPU`)
  expect(calls).toEqual({ stat: passes, list: passes })
  host.close()
})
