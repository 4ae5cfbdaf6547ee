import { expect, test } from 'vitest'
import type { Process, ProcessIdentity, SpawnSpec } from '../../../src/world/process.ts'
import type { Connection, Stream } from '../../../src/world/stream.ts'

export interface ProcessWorld {
  readonly process: Process
  readonly stream: Stream
  /** An empty directory. */
  readonly root: string
  /** What `uid` and `gid` of a child may be here. */
  readonly user: number
  readonly programs: {
    /** Runs until it is killed, keeps what it inherits, is silent. */
    readonly holder: readonly string[]
    /** Prints `no such machine` and ends with code 3 at once. */
    readonly failing: readonly string[]
    /** Is not there at all. */
    readonly missing: readonly string[]
  }
}

const never = new AbortController().signal

/** What every world's processes must do; see src/world/process.ts. */
export function processContract(make: () => Promise<ProcessWorld>): void {
  const law = (name: string, check: (world: ProcessWorld, started: Started) => Promise<void>) =>
    test(name, async () => {
      const world = await make()
      const started: ProcessIdentity[] = []
      const start = async (change: Partial<SpawnSpec> = {}) => {
        const identity = await world.process.spawn({ ...specOf(world), ...change }, never)
        started.push(identity)
        return identity
      }
      try {
        await check(world, start)
      } finally {
        for (const identity of started) await world.process.signal(identity, 'SIGKILL')
      }
    })

  law('a spawned program runs as its user and is listed as it was told', async ({ process, user, programs }, start) => {
    const identity = await start()
    expect(identity).toMatchObject({ uid: user, bootId: process.bootId() })
    expect(identity.executable).toContain(programs.holder[0]?.split('/').at(-1))
    expect(await process.list(new Set([user]))).toContainEqual(identity)
    expect(await process.list(new Set([user + 1]))).toEqual([])
    expect(await process.list(new Set())).toEqual([])
  })

  law('two of one program are two', async ({ process, user }, start) => {
    const both = [await start(), await start()]
    expect(both[0]?.pid).not.toBe(both[1]?.pid)
    expect(await process.list(new Set([user]))).toEqual(expect.arrayContaining(both))
  })

  law('a program that fails at once says why and leaves nothing', async ({ process, user, programs }, start) => {
    // It may have run long enough to be seen; then it is its life socket that tells.
    await expect(start({ argv: programs.missing })).rejects.toThrow(/No such file|not found/)
    const identity = await start({ argv: programs.failing }).catch((error: Error) => error)
    if (identity instanceof Error) expect(identity.message).toContain('no such machine')
    await until(async () => (await process.list(new Set([user]))).length === 0)
  })

  law('an aborted spawn leaves nothing and says the reason', async (world) => {
    const { process, user } = world
    await expect(process.spawn(specOf(world), AbortSignal.abort('enough'))).rejects.toBe('enough')
    const abort = new AbortController()
    const spawning = process.spawn(specOf(world), abort.signal)
    abort.abort('too late')
    // On a busy host the program may run before the abort is seen; then it is the caller's to end.
    const outcome = await spawning.catch((reason: unknown) => reason)
    if (outcome !== 'too late') await process.signal(outcome as ProcessIdentity, 'SIGKILL')
    await until(async () => (await process.list(new Set([user]))).length === 0)
  })

  law('a signal ends the one it is meant for and is refused afterwards', async ({ process, user }, start) => {
    const identity = await start()
    expect(await process.signal(identity, 'SIGTERM')).toBe(true)
    await until(async () => (await process.list(new Set([user]))).length === 0)
    expect(await process.signal(identity, 'SIGKILL')).toBe(false)
  })

  law('nobody else is signalled: every part of the identity counts', async ({ process, user }, start) => {
    const identity = await start()
    const others: ProcessIdentity[] = [
      { ...identity, startTime: identity.startTime + 1 },
      { ...identity, bootId: '00000000-0000-0000-0000-000000000000' },
      { ...identity, uid: identity.uid + 1 },
      { ...identity, executable: `${identity.executable}x` },
      { ...identity, pid: identity.pid + 1 },
    ]
    for (const other of others) expect(await process.signal(other, 'SIGKILL'), JSON.stringify(other)).toBe(false)
    expect(await process.list(new Set([user]))).toEqual([identity])
  })

  law('a listener is inherited: it answers after we gave it up, until the child dies', async (world, start) => {
    const { stream, root, process } = world
    const path = `${root}/life`
    const listener = await stream.listen(path)
    const identity = await start({ listeners: [listener] })
    const connection = await stream.connect(path, never)
    const end = endOf(connection)
    await process.signal(identity, 'SIGKILL')
    await end
    await expect(stream.connect(path, never)).rejects.toMatchObject({ name: 'ConnectError', code: 'ECONNREFUSED' })
  })

  law('a listener is given up also when the program cannot be started', async (world, start) => {
    const { stream, root, programs } = world
    const listener = await stream.listen(`${root}/life`)
    await expect(start({ argv: programs.missing, listeners: [listener] })).rejects.toThrow()
    await expect(stream.connect(`${root}/life`, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(start({ listeners: [listener] })).rejects.toThrow('released')
    const other = await stream.listen(`${root}/life`)
    const spec = { ...specOf(world), listeners: [other] }
    await expect(world.process.spawn(spec, AbortSignal.abort('enough'))).rejects.toBe('enough')
    await expect(stream.connect(`${root}/life`, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
}

type Started = (change?: Partial<SpawnSpec>) => Promise<ProcessIdentity>

function specOf({ root, user, programs }: ProcessWorld): SpawnSpec {
  const env = {}
  return {
    argv: programs.holder,
    env,
    directory: '/',
    uid: user,
    gid: user,
    groups: [],
    listeners: [],
    output: `${root}/output`,
  }
}

/** Resolves when the other side has gone. */
export function endOf(connection: Connection): Promise<Error | null> {
  return new Promise((resolve) => connection.listen({ data: () => {}, end: resolve }))
}

/** Looks again and again, for two seconds at most. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect.unreachable('waited two seconds for it')
}
