// @ts-check
/** Tells whoever connects which address he has: `node stage-listener.mjs ADDRESS:PORT...` */
import { createServer } from 'node:net'

const places = process.argv.slice(2).map((place) => place.split(':'))
await Promise.all(
  places.map(([host, port]) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`you are ${socket.remoteAddress?.replace('::ffff:', '')}\n`)
    })
    return new Promise((done) => server.listen(Number(port), host, () => done(null)))
  }),
)
console.log('ready')
