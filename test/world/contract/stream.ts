import { expect, test } from 'vitest'
import type { HttpAddress, HttpHandler, Stream } from '../../../src/world/stream.ts'

export interface StreamWorld {
  readonly stream: Stream
  /** An empty directory. */
  readonly root: string
}

const never = new AbortController().signal
const plain = (body: string, status = 200) => ({ status, type: 'text/plain', body })

/** What every world's sockets must do; see src/world/stream.ts. */
export function streamContract(make: () => Promise<StreamWorld>): void {
  const law = (name: string, check: (world: StreamWorld) => Promise<void>) =>
    test(name, async () => check(await make()))

  law('connecting to nothing says what there is not', async ({ stream, root }) => {
    await expect(stream.connect(`${root}/none`, never)).rejects.toMatchObject({ name: 'ConnectError', code: 'ENOENT' })
    const listener = await stream.listen(`${root}/left`)
    listener.release()
    listener.release()
    await expect(stream.connect(`${root}/left`, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(stream.connect(`${root}/left`, AbortSignal.abort('enough'))).rejects.toBe('enough')
  })

  law('a listener appears at its path whole, in place of a dead one', async ({ stream, root }) => {
    const first = await stream.listen(`${root}/life`)
    first.release()
    const second = await stream.listen(`${root}/life`)
    const connection = await stream.connect(`${root}/life`, never)
    connection.close()
    second.release()
    await expect(stream.connect(`${root}/life`, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  law('listening where there is no folder is refused', async ({ stream, root }) => {
    await expect(stream.listen(`${root}/none/life`)).rejects.toMatchObject({ name: 'ConnectError', code: 'ENOENT' })
  })

  for (const kind of ['unix', 'tcp'] as const) {
    const serving = async (world: StreamWorld, handler: HttpHandler, use: (address: HttpAddress) => Promise<void>) => {
      const local = kind === 'unix' ? { path: `${world.root}/http` } : { host: '127.0.0.1', port: 0 }
      const server = await world.stream.serve(local, handler)
      const address = 'path' in local ? local : { ...local, port: server.port ?? 0 }
      await use(address).finally(() => server.stop())
    }
    const httpLaw = (
      name: string,
      handler: HttpHandler,
      use: (world: StreamWorld, address: HttpAddress) => Promise<void>,
    ) => law(`${kind}: ${name}`, async (world) => serving(world, handler, (address) => use(world, address)))

    httpLaw(
      'a request arrives as it was sent, and its answer as it was given',
      async ({ method, path, query, body }) => plain(JSON.stringify({ method, path, query: [...query], body }), 418),
      async ({ stream }, address) => {
        const reply = await stream.request(address, 'POST', '/a/b?x=1&x=%C3%BC', 'grüße', never)
        expect(reply.status).toBe(418)
        const query = [
          ['x', '1'],
          ['x', 'ü'],
        ]
        expect(JSON.parse(await whole(reply.body))).toEqual({ method: 'POST', path: '/a/b', query, body: 'grüße' })
      },
    )

    httpLaw(
      'a body of exactly 4 MiB passes, one byte more is 413',
      async ({ body }) => plain(String(body.length)),
      async ({ stream }, address) => {
        const most = 'x'.repeat(4 << 20)
        const reply = await stream.request(address, 'POST', '/', most, never)
        expect(await whole(reply.body)).toBe(String(4 << 20))
        expect(await stream.request(address, 'POST', '/', `${most}x`, never)).toMatchObject({ status: 413 })
      },
    )

    httpLaw(
      'a handler that throws is a 500 with its words, and the next request is served',
      async ({ path }) => {
        if (path === '/bad') throw new Error('the ledger is gone')
        return plain('fine')
      },
      async ({ stream }, address) => {
        const bad = await stream.request(address, 'GET', '/bad', null, never)
        expect([bad.status, await whole(bad.body)]).toEqual([500, 'the ledger is gone\n'])
        expect(await whole((await stream.request(address, 'GET', '/', null, never)).body)).toBe('fine')
      },
    )

    const gate = { open: () => {}, opened: Promise.resolve() }
    httpLaw(
      'pieces arrive as they are made, a character cut in two whole',
      async () => {
        async function* body() {
          yield 'first grü'
          await gate.opened
          yield 'ße last'
        }
        return { status: 200, type: 'text/plain', body: body() }
      },
      async ({ stream }, address) => {
        gate.opened = new Promise((resolve) => {
          gate.open = resolve
        })
        const { body } = await stream.request(address, 'GET', '/', null, never)
        const pieces = body[Symbol.asyncIterator]()
        expect((await pieces.next()).value).toBe('first grü')
        gate.open()
        expect((await pieces.next()).value).toBe('ße last')
        expect((await pieces.next()).done).toBe(true)
      },
    )

    const seen = { aborted: Promise.resolve(), ended: false }
    httpLaw(
      'a client that leaves aborts the signal and ends the body, even one that waits for ever',
      async (_, signal) => {
        seen.ended = false
        seen.aborted = new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve())
        })
        async function* body() {
          try {
            for (;;) {
              yield 'tick'
              await new Promise((resolve) => setTimeout(resolve, 5))
            }
          } finally {
            seen.ended = true
          }
        }
        return { status: 200, type: 'text/plain', body: body() }
      },
      async ({ stream }, address) => {
        const leave = new AbortController()
        const { body } = await stream.request(address, 'GET', '/', null, leave.signal)
        const pieces = body[Symbol.asyncIterator]()
        await pieces.next()
        const next = (async () => {
          for (;;) if ((await pieces.next()).done) return 'done'
        })()
        leave.abort(new Error('I leave'))
        await expect(next).rejects.toThrow('I leave')
        await seen.aborted
        await expect.poll(() => seen.ended).toBe(true)
      },
    )

    httpLaw(
      'who leaves the body early hangs up',
      async (_, signal) => {
        seen.aborted = new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve())
        })
        async function* body() {
          yield 'tick'
          await new Promise(() => {})
        }
        return { status: 200, type: 'text/plain', body: body() }
      },
      async ({ stream }, address) => {
        const { body } = await stream.request(address, 'GET', '/', null, never)
        for await (const piece of body) {
          expect(piece).toBe('tick')
          break
        }
        await seen.aborted
      },
    )

    httpLaw(
      'a body that breaks is no body that ends',
      async () => {
        async function* body() {
          yield 'half'
          throw new Error('broken')
        }
        return { status: 200, type: 'text/plain', body: body() }
      },
      async ({ stream }, address) => {
        const { body } = await stream.request(address, 'GET', '/', null, never)
        await expect(whole(body)).rejects.toThrow()
      },
    )

    law(`${kind}: a server that stops ends what is under way and is gone`, async ({ stream, root }) => {
      const local = kind === 'unix' ? { path: `${root}/http` } : { host: '127.0.0.1', port: 0 }
      const server = await stream.serve(local, async () => {
        async function* body() {
          yield 'tick'
          await new Promise(() => {})
        }
        return { status: 200, type: 'text/plain', body: body() }
      })
      const address = 'path' in local ? local : { ...local, port: server.port ?? 0 }
      const { body } = await stream.request(address, 'GET', '/', null, never)
      const reading = whole(body)
      await server.stop()
      await server.stop()
      expect(await reading).toBe('tick')
      await expect(stream.request(address, 'GET', '/', null, never)).rejects.toMatchObject({ name: 'ConnectError' })
    })
  }

  law('a socket path that somebody answers on is not taken over; a stale one is', async ({ stream, root }) => {
    const address = { path: `${root}/http` }
    const listener = await stream.listen(address.path)
    const serve = () => stream.serve(address, async () => plain('mine'))
    await expect(serve()).rejects.toMatchObject({ name: 'ConnectError', code: 'EADDRINUSE' })
    listener.release()
    const server = await serve()
    await expect(serve()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(await whole((await stream.request(address, 'GET', '/', null, never)).body)).toBe('mine')
    await server.stop()
  })

  law('a TCP port is reached or not, before a deadline', async ({ stream }) => {
    const server = await stream.serve({ host: '127.0.0.1', port: 0 }, async () => plain('x'))
    const port = server.port ?? 0
    expect(await stream.reachTcp('127.0.0.1', port, 1000, never)).toBe(true)
    await expect(stream.reachTcp('127.0.0.1', port, 1000, AbortSignal.abort('enough'))).rejects.toBe('enough')
    await server.stop()
    expect(await stream.reachTcp('127.0.0.1', port, 1000, never)).toBe(false)
  })

  law('a status code is read, or null before a deadline', async ({ stream }) => {
    const server = await stream.serve({ host: '127.0.0.1', port: 0 }, async ({ path }) => {
      if (path === '/slow') await new Promise(() => {})
      return plain('x', path === '/ready?x' ? 200 : 503)
    })
    const port = server.port ?? 0
    expect(await stream.getStatus('127.0.0.1', port, '/health', 1000, never)).toBe(503)
    const begun = performance.now()
    expect(await stream.getStatus('127.0.0.1', port, '/slow', 50, never)).toBeNull()
    expect(performance.now() - begun).toBeLessThan(500)
    await server.stop()
    expect(await stream.getStatus('127.0.0.1', port, '/health', 1000, never)).toBeNull()
  })
}

/** A whole body. */
export async function whole(body: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of body) text += piece
  return text
}
