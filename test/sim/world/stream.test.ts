import { describe, expect, test } from 'vitest'
import { linuxClock } from '../../../src/world/linux/clock.ts'
import { endOf } from '../../world/contract/process.ts'
import { streamContract } from '../../world/contract/stream.ts'
import { manualClock, settle } from '../../world/manual-clock.ts'
import { MemoryFiles } from '../../world/memory-files.ts'
import { SimStream } from './stream.ts'

const never = new AbortController().signal

function make(backlog?: number) {
  const files = new MemoryFiles()
  files.folder('/root')
  const clock = manualClock()
  const stream = new SimStream({ files, clock, ...(backlog === undefined ? {} : { backlog }) })
  return { files, clock, stream }
}

/** Somebody who holds a socket and never accepts. */
const holder = () => ({ knock: () => {} })

// All laws hold. The clock is the real one here, since the laws wait in real time.
describe('contract', () =>
  streamContract(async () => {
    const files = new MemoryFiles()
    files.folder('/root')
    return { stream: new SimStream({ files, clock: linuxClock() }), root: '/root' }
  }))

describe('a socket', () => {
  test('is an inode: a rename of its folder takes it along, its removal leaves nothing to connect to', async () => {
    const { files, stream } = make()
    files.folder('/root/draft')
    const listener = await stream.listen('/root/draft/life')
    const held = holder()
    stream.socketOf(listener).hold(held)
    listener.release()
    await files.rename('/root/draft', '/root/vm')
    const connection = await stream.connect('/root/vm/life', never)
    let ended = false
    connection.listen({
      data: () => {},
      end: () => {
        ended = true
      },
    })
    await expect(stream.connect('/root/draft/life', never)).rejects.toMatchObject({ code: 'ENOENT' })
    await files.remove('/root/vm/life')
    await expect(stream.connect('/root/vm/life', never)).rejects.toMatchObject({ code: 'ENOENT' })
    await settle()
    expect(ended).toBe(false)
  })

  test('is 0600 and its owner’s, and is taken for no other thing at its path', async () => {
    const { files, stream } = make()
    await stream.listen('/root/life', { uid: 7, gid: 8 })
    expect(await files.stat('/root/life')).toMatchObject({ type: 'other', mode: 0o600, uid: 7, gid: 8 })
    files.folder('/root/folder')
    await expect(stream.listen('/root/folder')).rejects.toMatchObject({ code: 'EISDIR' })
    files.write('/root/file', '')
    files.link('file', '/root/link')
    const codes: Record<string, string> = { file: 'ECONNREFUSED', link: 'ELOOP', 'file/x': 'ENOTDIR', none: 'ENOENT' }
    for (const [name, code] of Object.entries(codes)) {
      await expect(stream.connect(`/root/${name}`, never), name).rejects.toMatchObject({ name: 'ConnectError', code })
    }
  })

  test('that nobody accepts on is full after its backlog, closed connections included, and resets all when its holder dies', async () => {
    const { stream } = make(3)
    const listener = await stream.listen('/root/life')
    const socket = stream.socketOf(listener)
    const held = holder()
    socket.hold(held)
    listener.release()
    const kept = await stream.connect('/root/life', never)
    for (let count = 0; count < 3; count++) (await stream.connect('/root/life', never)).close()
    await expect(stream.connect('/root/life', never)).rejects.toMatchObject({ code: 'EAGAIN' })
    const end = endOf(kept)
    socket.letGo(held)
    expect(await end).toMatchObject({ code: 'ECONNRESET' })
    await expect(stream.connect('/root/life', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('cuts off who connects while it is the controller’s alone, and dies with the controller', async () => {
    const { stream } = make()
    const listener = await stream.listen('/root/life')
    expect(await endOf(await stream.connect('/root/life', never))).toBeNull()
    stream.kill()
    await expect(stream.connect('/root/life', never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(() => stream.socketOf(listener)).toThrow('released')
  })

  test('a connection of a controller that died hears nothing more; its holder sees it leave', async () => {
    const { stream } = make()
    const listener = await stream.listen('/root/qmp')
    const socket = stream.socketOf(listener)
    socket.hold(holder())
    listener.release()
    const heard: string[] = []
    const connection = await stream.connect('/root/qmp', never)
    connection.listen({ data: () => heard.push('data'), end: () => heard.push('end') })
    const accepted = socket.take()!
    accepted.accept({ data: () => {}, left: () => heard.push('left') })
    stream.kill()
    accepted.say('too late')
    await settle()
    expect(heard).toEqual(['left'])
  })

  test('a connection tells its end once to each that listens, and keeps what came before anybody did', async () => {
    const { stream } = make()
    const listener = await stream.listen('/root/qmp')
    const socket = stream.socketOf(listener)
    socket.hold(holder())
    listener.release()
    const connection = await stream.connect('/root/qmp', never)
    const accepted = socket.take()!
    accepted.say('greeting')
    await settle()
    const heard: string[] = []
    const listen = () =>
      connection.listen({ data: (bytes) => heard.push(new TextDecoder().decode(bytes)), end: () => heard.push('end') })
    listen()
    await settle()
    socket.drop(accepted)
    await settle()
    accepted.hangUp(null)
    connection.close()
    connection.close()
    await settle()
    expect(heard).toEqual(['greeting', 'end'])
    listen()
    await settle()
    expect(heard).toEqual(['greeting', 'end', 'end'])
  })

  test('a hook breaks a call before it has an effect', async () => {
    const { files, stream } = make()
    stream.hook = ({ name }) => {
      throw new Error(`${name} is broken`)
    }
    await expect(stream.listen('/root/life')).rejects.toThrow('listen is broken')
    expect(await files.stat('/root/life')).toBeNull()
    await expect(stream.connect('/root/life', never)).rejects.toThrow('connect is broken')
  })
})

describe('a guest', () => {
  test('that no frame reaches is given up after the timeout, one that refuses at once', async () => {
    const { clock, stream } = make()
    stream.guestAt = (address) =>
      address === '10.0.0.2' ? { tcp: (port) => port === 80, status: (_, path) => (path === '/' ? 204 : null) } : null
    expect(await stream.reachTcp('10.0.0.2', 80, 500, never)).toBe(true)
    expect(await stream.reachTcp('10.0.0.2', 81, 500, never)).toBe(false)
    expect(await stream.getStatus('10.0.0.2', 80, '/', 500, never)).toBe(204)
    expect(await stream.getStatus('10.0.0.2', 81, '/', 500, never)).toBeNull()
    for (const asked of [
      () => stream.reachTcp('10.0.0.3', 80, 500, never),
      () => stream.getStatus('10.0.0.2', 80, '/slow', 500, never),
    ]) {
      let answer: unknown = 'none yet'
      void asked().then((value) => {
        answer = value
      })
      await clock.advance(499)
      expect(answer).toBe('none yet')
      await clock.advance(1)
      expect(answer).not.toBe('none yet')
    }
    await expect(stream.reachTcp('10.0.0.3', 80, 500, AbortSignal.abort('enough'))).rejects.toBe('enough')
  })
})
