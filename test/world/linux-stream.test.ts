import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { descriptorOf, serverDescriptor } from '../../src/world/linux/listener.ts'
import { linuxStream } from '../../src/world/linux/stream.ts'
import type { Connection } from '../../src/world/stream.ts'
import { endOf, until } from './contract/process.ts'
import { streamContract, whole } from './contract/stream.ts'
import { needsRoot } from './needs-root.ts'

const stream = linuxStream()
const never = new AbortController().signal
const cleanUp: (() => void)[] = []
const root = () => {
  const made = mkdtempSync(join(tmpdir(), 'moorage-stream-'))
  cleanUp.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}
const openDescriptors = () => readdirSync('/proc/self/fd').length

afterEach(() => {
  for (const each of cleanUp.splice(0).reverse()) each()
})

describe('contract', () => streamContract(async () => ({ stream, root: root() })))

describe('a connection', () => {
  const echo = async (path: string, onSocket: Parameters<typeof createServer>[1]): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true }, onSocket)
    cleanUp.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return server
  }
  const gather = (connection: Connection) => {
    const got = { text: '', ends: 0, error: undefined as Error | null | undefined }
    connection.listen({
      data: (bytes) => {
        got.text += new TextDecoder().decode(bytes)
      },
      end: (error) => {
        got.ends += 1
        got.error = error
      },
    })
    return got
  }

  test('carries bytes both ways and keeps those that came before anybody listened', async () => {
    const path = join(root(), 's')
    await echo(path, (socket) => {
      socket.write('greeting ')
      socket.on('data', (bytes) => socket.end(bytes))
    })
    const connection = await stream.connect(path, never)
    await delay(20)
    const got = gather(connection)
    connection.write(new TextEncoder().encode('echo'))
    await until(() => got.ends === 1)
    expect(got).toMatchObject({ text: 'greeting echo', error: null })
  })

  test('tells its end once: after close, after the peer, and to who listens late', async () => {
    const path = join(root(), 's')
    await echo(path, (socket) => socket.on('data', () => socket.destroy()).on('error', () => {}))
    const closed = await stream.connect(path, never)
    const first = gather(closed)
    closed.close()
    closed.close()
    await until(() => first.ends > 0)
    const late = gather(closed)
    await until(() => late.ends > 0)
    closed.write(new Uint8Array(3))
    const left = await stream.connect(path, never)
    const second = gather(left)
    left.write(new Uint8Array(3))
    await until(() => second.ends > 0)
    await delay(20)
    expect([first.ends, late.ends, second.ends]).toEqual([1, 1, 1])
  })

  test('is given up when the other side takes nothing', async () => {
    const path = join(root(), 's')
    await echo(path, (socket) => socket.pause())
    const connection = await stream.connect(path, never)
    const got = gather(connection)
    for (let round = 0; round < 6; round += 1) connection.write(new Uint8Array(1 << 20))
    await until(() => got.ends === 1)
    expect(got.error?.message).toContain('takes nothing')
  })

  test('is made however long the path, and leaves no descriptor', async () => {
    const folder = join(root(), ...Array.from({ length: 20 }, () => 'd'.repeat(100)))
    mkdirSync(folder, { recursive: true })
    const path = join(folder, 's'.repeat(200))
    expect(path.length).toBeGreaterThan(2000)
    const before = openDescriptors()
    const listener = await stream.listen(path)
    const connection = await stream.connect(path, never)
    connection.close()
    listener.release()
    await expect(stream.connect(path, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const server = await stream.serve({ path }, async () => ({ status: 200, type: 'text/plain', body: 'deep' }))
    expect(await whole((await stream.request({ path }, 'GET', '/', null, never)).body)).toBe('deep')
    await server.stop()
    expect(existsSync(path)).toBe(false)
    await until(() => openDescriptors() === before)
  })

  test('is refused with the code of what is there', async () => {
    const folder = root()
    writeFileSync(join(folder, 'file'), '')
    symlinkSync('file', join(folder, 'link'))
    const codes: Record<string, string> = { file: 'ECONNREFUSED', link: 'ELOOP', 'file/x': 'ENOTDIR', none: 'ENOENT' }
    for (const [name, code] of Object.entries(codes)) {
      const failing = stream.connect(join(folder, name), never)
      await expect(failing, name).rejects.toMatchObject({ name: 'ConnectError', code })
      await expect(failing, name).rejects.toThrow(join(folder, name))
    }
  })
})

describe('a listener', () => {
  test('is 0600 and its owner’s, and leaves nothing else in its folder', async (context) => {
    const path = join(root(), 'life')
    const listener = await stream.listen(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(path, '..'))).toEqual(['life'])
    listener.release()
    needsRoot(context, 'gives a socket away')
    const given = await stream.listen(path, { uid: 64_123, gid: 64_124 })
    expect(statSync(path)).toMatchObject({ uid: 64_123, gid: 64_124 })
    given.release()
    expect(existsSync(path)).toBe(true)
  })

  test('cuts off who connects while it is ours', async () => {
    const path = join(root(), 'life')
    const listener = await stream.listen(path)
    await endOf(await stream.connect(path, never))
    listener.release()
  })

  test('has a descriptor that a child gets, and none after its release', async () => {
    const path = join(root(), 'life')
    const listener = await stream.listen(path)
    const descriptor = descriptorOf(listener)
    const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] })
    cleanUp.push(() => child.kill('SIGKILL'))
    listener.release()
    expect(() => descriptorOf(listener)).toThrow('was released')
    const connection = await stream.connect(path, never)
    const begun = performance.now()
    const end = endOf(connection)
    child.kill('SIGKILL')
    expect(await end).toMatchObject({ code: 'ECONNRESET' })
    expect(performance.now() - begun).toBeLessThan(200)
  })

  test('whose descriptor Node does not tell is an error before anything is forked', () => {
    expect(() => serverDescriptor(createServer())).toThrow(/does not tell the descriptor/)
    expect(() => serverDescriptor({ _handle: { fd: -1 } } as unknown as Server)).toThrow(/Node v/)
  })

  test('in a folder that vanishes says so and leaves no server behind', async () => {
    const folder = root()
    mkdirSync(join(folder, 'life'))
    const before = openDescriptors()
    await expect(stream.listen(join(folder, 'life'))).rejects.toMatchObject({ name: 'ConnectError', code: 'EISDIR' })
    expect(readdirSync(folder)).toEqual(['life'])
    await until(() => openDescriptors() === before)
  })

  test('that nobody accepts on says EAGAIN once its queue is full, and ECONNREFUSED once its holder is dead', async () => {
    const path = join(root(), 'life')
    const listener = await stream.listen(path)
    const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', descriptorOf(listener)] })
    cleanUp.push(() => child.kill('SIGKILL'))
    listener.release()
    const held = await stream.connect(path, never)
    const end = endOf(held)
    let probes = 0
    const full = async () => {
      for (;;) {
        const probe = await stream.connect(path, never)
        probes += 1
        probe.close()
      }
    }
    await expect(full()).rejects.toMatchObject({ name: 'ConnectError', code: 'EAGAIN' })
    // One less: the connection that is held has a place, too.
    expect(probes).toBeGreaterThan(500)
    console.info(`the queue took ${probes + 1} connections, closed ones included`)
    child.kill('SIGKILL')
    await end
    await expect(stream.connect(path, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('the HTTP server', () => {
  const serve = async (path: string, body = 'x') =>
    await stream.serve({ path }, async () => ({ status: 200, type: 'text/plain; charset=utf-8', body }))
  /** Says `text` to the server and gives all of its answer. */
  const raw = (path: string, text: string) =>
    new Promise<string>((resolve) => {
      let answer = ''
      const socket = connect(path, () => socket.write(text))
      socket.on('data', (bytes) => {
        answer += bytes
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
    })

  test('has a socket of mode 0600 and takes it away when it stops, but nobody else’s', async () => {
    const path = join(root(), 'http')
    const server = await serve(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await server.stop()
    expect(existsSync(path)).toBe(false)
    const second = await serve(path)
    rmSync(path)
    const third = await stream.listen(path)
    await second.stop()
    expect(existsSync(path)).toBe(true)
    third.release()
  })

  test('replaces no file that is no socket', async () => {
    const path = join(root(), 'http')
    writeFileSync(path, 'precious')
    await expect(serve(path)).rejects.toMatchObject({ name: 'ConnectError', code: 'EEXIST' })
    expect(statSync(path).size).toBe(8)
  })

  test('says which port is taken', async () => {
    const address = { host: '127.0.0.1', port: 0 }
    const handler = async () => ({ status: 200, type: 'text/plain', body: '' })
    const server = await stream.serve(address, handler)
    const taken = stream.serve({ ...address, port: server.port ?? 0 }, handler)
    await expect(taken).rejects.toMatchObject({ name: 'ConnectError', code: 'EADDRINUSE' })
    await expect(taken).rejects.toThrow(`127.0.0.1:${server.port}`)
    await server.stop()
  })

  test('tells type and length and forbids caches', async () => {
    const path = join(root(), 'http')
    const server = await serve(path, 'grüße')
    const headers = await new Promise<Record<string, unknown>>((resolve) =>
      get({ socketPath: path, agent: false }, (message) => {
        message.resume()
        resolve(message.headers)
      }),
    )
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '7',
      'cache-control': 'no-store',
    })
    await server.stop()
  })

  test('refuses nonsense: no HTTP, no path, another host’s path, a body that is no UTF-8 or too long', async () => {
    const path = join(root(), 'http')
    const server = await serve(path)
    const cases: [string, RegExp][] = [
      ['nonsense\r\n\r\n', /^HTTP\/1.1 400 /],
      ['GET //evil/x HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1.1 400 [\s\S]*slash\n$/],
      ['GET http://evil/x HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1.1 400 [\s\S]*slash\n$/],
      ['OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1.1 400 [\s\S]*slash\n$/],
      ['PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n', /^HTTP\/1.1 413 [\s\S]*at a time\n$/],
      [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, /^HTTP\/1.1 431 /],
    ]
    for (const [text, expected] of cases) expect(await raw(path, text), text.slice(0, 30)).toMatch(expected)
    const notText = await new Promise<string>((resolve) => {
      let answer = ''
      const socket = connect(path, () => {
        socket.write('PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n')
        socket.write(new Uint8Array([0xff]))
      })
      socket.on('data', (bytes) => {
        answer += bytes
      })
      socket.on('close', () => resolve(answer))
    })
    expect(notText).toMatch(/^HTTP\/1.1 400 .*not UTF-8/s)
    await server.stop()
  })

  test('stops at once though a client hangs on with an unfinished request', async () => {
    const path = join(root(), 'http')
    const server = await serve(path)
    const socket = connect(path, () => socket.write('PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc'))
    socket.on('error', () => {})
    await delay(30)
    const begun = performance.now()
    await server.stop()
    expect(performance.now() - begun).toBeLessThan(1500)
    socket.destroy()
  })

  test('waits for a client that reads slowly instead of keeping its answer in memory', async () => {
    const path = join(root(), 'http')
    let made = 0
    const server = await stream.serve({ path }, async () => {
      async function* body() {
        for (; made < 1000; made += 1) yield 'x'.repeat(1 << 16)
      }
      return { status: 200, type: 'text/plain', body: body() }
    })
    const { body } = await stream.request({ path }, 'GET', '/', null, never)
    await delay(100)
    expect(made).toBeLessThan(50)
    expect((await whole(body)).length).toBe(1000 << 16)
    await server.stop()
  })
})

describe('a guest', () => {
  test('that talks no HTTP, or talks for ever, has no status', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 5)
      socket.on('close', () => clearInterval(timer))
    })
    cleanUp.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const begun = performance.now()
    expect(await stream.getStatus('127.0.0.1', port, '/', 100, never)).toBeNull()
    expect(performance.now() - begun).toBeLessThan(1000)
    await expect(stream.getStatus('127.0.0.1', port, '/', 5000, AbortSignal.timeout(50))).rejects.toThrow()
  })
})
