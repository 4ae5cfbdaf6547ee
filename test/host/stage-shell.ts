import { connect } from 'node:net'
import type { Stage } from './stage.ts'

/** Milliseconds after which a shell is called again: one that was just starting has not heard it. */
const again = 2000

let typed = 0

/**
 * Types a command on the serial console of a guest, once, and answers what it printed. Throws when it does not end
 * within `seconds`, or ends with another exit code than 0.
 */
export async function inGuest(stage: Stage, name: string, command: string, seconds = 30): Promise<string> {
  typed += 1
  // The echo of what is typed must not look like what is printed.
  const call = `echo "here ""${typed}"`
  const line = `echo "begin ""${typed}"; { ${command}\n} 2>&1; echo "end ""${typed} $?"`
  const path = `${stage.run}/by-name/default.${name}/console.sock`
  const said = await converse(path, call, `here ${typed}`, line, new RegExp(`end ${typed} (\\d+)\r?\n`), seconds)
  const [, printed = '', code] = new RegExp(`begin ${typed}\n([^]*?)end ${typed} (\\d+)`).exec(said) ?? []
  if (code !== '0') throw new Error(`${name}: ${command}: ended with ${code}: ${printed || said}`)
  return printed.trimEnd()
}

/** Whether a command succeeds in a guest. */
export async function holdsInGuest(stage: Stage, name: string, command: string, seconds = 30): Promise<boolean> {
  return (await inGuest(stage, name, `if ${command}; then echo yes; else echo no; fi`, seconds)).endsWith('yes')
}

/** Types without waiting for an answer: for what ends the guest. */
export async function typeInGuest(stage: Stage, name: string, command: string): Promise<void> {
  await inGuest(stage, name, 'true')
  const socket = connect(`${stage.run}/by-name/default.${name}/console.sock`)
  await new Promise<void>((done, fail) => socket.on('error', fail).write(`${command}\n`, () => done()))
  socket.end()
}

/** Calls until the shell answers, then types the line; answers all that was said, without carriage returns. */
function converse(
  path: string,
  call: string,
  here: string,
  line: string,
  end: RegExp,
  seconds: number,
): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(path)
    let said = ''
    let isThere = false
    const type = (text: string) => socket.write(`${text}\n`)
    const calling = setInterval(() => type(call), again)
    const finish = (error: Error | null) => {
      clearInterval(calling)
      clearTimeout(late)
      socket.destroy()
      if (error) fail(error)
      else done(said.replaceAll('\r', ''))
    }
    const late = setTimeout(() => finish(new Error(`no answer within ${seconds} s; it said: ${said}`)), seconds * 1000)
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (!isThere && said.includes(here)) {
        isThere = true
        clearInterval(calling)
        type(line)
      }
      if (end.test(said)) finish(null)
    })
    socket.on('error', finish)
    socket.on('close', () => finish(new Error(`the console was closed; it said: ${said}`)))
    type(`\n${call}`)
  })
}
