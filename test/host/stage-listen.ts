import { connect } from 'node:net'
import type { Stage } from './stage.ts'

/** What a guest says on its console from now on; its log goes with its VM, what was heard stays. */
export function listenTo(stage: Stage, name: string): { readonly heard: string; stop(): void } {
  const socket = connect(`${stage.run}/by-name/default.${name}/console.sock`)
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text
  })
  socket.on('error', () => {})
  return {
    get heard() {
      return heard
    },
    stop: () => socket.destroy(),
  }
}
