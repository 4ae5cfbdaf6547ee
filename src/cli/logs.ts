import { basename } from 'node:path'
import { endedConsole, idOf, type Runtime, runtimeOf } from '../host/machine/runtime.ts'
import { FileError } from '../world/files.ts'
import { linuxWatch } from '../world/linux/watch.ts'
import { openClient } from './client.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { type LogPart, newTail } from './log-tail.ts'
import type { Page } from './page.ts'
import { printable } from './printable.ts'
import { findRuntime } from './runtime.ts'
import { findOne, kindOfWord } from './target.ts'

/** Bytes of one console log that are read; what writes them bounds them lower. */
const limit = 64 << 20

/** Milliseconds between two reads while a guest writes. */
const pause = 150

/** `moorage logs NAME [-f]`. */
export const logs: Page<[string], { namespace?: string; follow?: boolean }> = {
  define(command) {
    command
      .argument('<name>', 'a MicroVM')
      .option('-n, --namespace <namespace>', 'where it is; needed when a name is in several')
      .option('-f, --follow', 'go on with what it writes, also after it was started again')
      .addHelpText(
        'after',
        '\nOn a terminal, escape sequences but colours are left out; in a pipe all bytes are there.',
      )
  },
  async run(context, [name], { namespace, follow = false }) {
    const runtime = await place(context, name, namespace)
    const print = printer(context)
    const tail = newTail()
    const part = await look(context, runtime)
    if (!follow && part.before === null && part.now === null) throw new Failure(`${name} has no console log yet`)
    for (const bytes of tail(part)) print(bytes)
    if (follow) await followLog(context, runtime, tail, print)
    return 0
  },
}

/** Where its log is; of one that does not run, where it was and will be: then only the controller knows its id. */
async function place(context: Context, name: string, namespace: string | undefined): Promise<Runtime> {
  try {
    return await findRuntime(context, name, namespace)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { metadata } = await findOne(openClient(context), kindOfWord('MicroVM'), name, namespace).catch(() => {
      throw error
    })
    return runtimeOf(context.paths.run, idOf(metadata.uid))
  }
}

/** Prints what is appended, until somebody ends it. */
async function followLog(
  context: Context,
  runtime: Runtime,
  tail: ReturnType<typeof newTail>,
  print: (bytes: Uint8Array) => void,
): Promise<never> {
  let wake = () => {}
  let moved = false
  await linuxWatch(context).file(runtime.console, () => {
    moved = true
    wake()
  })
  for (;;) {
    moved = false
    for (const bytes of tail(await look(context, runtime))) print(bytes)
    await context.clock.sleep(pause, new AbortController().signal)
    if (!moved) await new Promise<void>((resolve) => (wake = resolve))
  }
}

async function look(context: Context, runtime: Runtime): Promise<LogPart> {
  const now = await read(context, runtime.console)
  const ended = endedConsole(context.paths.run, basename(runtime.directory))
  return { before: await read(context, now === null ? ended : runtime.consoleBefore), now }
}

async function read({ files }: Context, path: string): Promise<Uint8Array | null> {
  try {
    return await files.read(path, limit)
  } catch (error) {
    if (error instanceof FileError && error.code === 'ENOENT') return null
    if (error instanceof FileError && error.code === 'EACCES')
      throw new Failure(`${path} is root's; run this with sudo`)
    throw error
  }
}

/** Bytes as they are into a pipe; harmless text on a terminal. */
function printer({ terminal }: Context): (bytes: Uint8Array) => void {
  if (!terminal.output) return (bytes) => void process.stdout.write(bytes)
  const decoder = new TextDecoder()
  return (bytes) => void process.stdout.write(printable(decoder.decode(bytes, { stream: true })))
}
