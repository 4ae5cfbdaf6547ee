import { ConnectError, type Connection } from '../../world/stream.ts'
import type { World } from '../../world/world.ts'

/**
 * The life socket of an incarnation: whoever holds it lives. Nobody accepts on it, so a connection stays in its queue until
 * the holder dies and is reset then. Each connection takes a place in that queue for ever; one is made and kept.
 */
export interface Life {
  /** Whether it is held; null when there is no such socket. Dials unless it is connected. */
  held(): Promise<boolean | null>
  /** Hangs up until somebody asks again: there is another sign of life. */
  release(): void
  close(): void
}

export function watchLife({ stream }: World, path: string, died: () => void): Life {
  const ended = new AbortController()
  let connection: Connection | null = null
  const release = (): void => {
    const old = connection
    connection = null
    old?.close()
  }
  return {
    release,
    async held() {
      if (connection) return true
      const made = await dialLife(stream, path, ended.signal)
      if (made === 'full') return true
      if (made === 'dead' || made === 'absent') return made === 'dead' ? false : null
      connection = made
      made.listen({
        data: () => {},
        end: () => {
          if (connection !== made) return
          connection = null
          died()
        },
      })
      return true
    },
    close() {
      ended.abort(new Error('the controller lets go of this VM'))
      release()
    },
  }
}

/** Whether anybody holds a life socket, asked once. */
export async function isHeld({ stream }: World, path: string, signal: AbortSignal): Promise<boolean> {
  const made = await dialLife(stream, path, signal)
  if (typeof made !== 'string') made.close()
  return made !== 'dead' && made !== 'absent'
}

/** A queue that is full (EAGAIN) is somebody's. */
async function dialLife(
  stream: World['stream'],
  path: string,
  signal: AbortSignal,
): Promise<Connection | 'full' | 'dead' | 'absent'> {
  try {
    return await stream.connect(path, signal)
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    if (error.code === 'EAGAIN') return 'full'
    if (error.code === 'ECONNREFUSED') return 'dead'
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 'absent'
    throw error
  }
}
