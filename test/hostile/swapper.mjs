/**
 * Swaps what stands at some names as fast as it can: `swapper.mjs SPARE NAME...`. Below SPARE, for each name, a folder
 * `0`, `1`, ... holds what may stand there, a name each. Says `ready` when it goes round, and how often it swapped when it
 * is told to end.
 */
import { closeSync, constants, linkSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'

const [spare, ...names] = process.argv.slice(2)
const places = names.map((name, at) => ({
  name,
  folder: `${spare}/${at}`,
  turns: turnsOf(`${spare}/${at}`),
  at: 0,
  now: '',
}))
let swaps = 0

/**
 * What is good, between any two that are not.
 * @param {string} folder
 */
function turnsOf(folder) {
  const kinds = readdirSync(folder)
  const good = kinds.includes('folderLink') ? 'folder' : 'file'
  return kinds.flatMap((kind) => (kind === good ? [] : [good, kind]))
}

/**
 * In one step, so that no call is let off by a moment of nothing; but a directory takes two.
 * @param {typeof places[number]} place
 */
function swap(place) {
  const { name, folder, turns } = place
  const next = turns[place.at % turns.length] ?? ''
  if (place.now === 'folder') move(name, `${folder}/folder`)
  if (next === 'folder') {
    rmSync(name, { recursive: true, force: true })
    move(`${folder}/folder`, name)
  } else {
    linkSync(`${folder}/${next}`, `${folder}/.next`)
    move(`${folder}/.next`, name)
  }
  place.now = next
  place.at += 1
  swaps += 1
}

/**
 * Whoever is raced against may have made a directory there meanwhile.
 * @param {string} from
 * @param {string} to
 */
function move(from, to) {
  for (;;) {
    try {
      return renameSync(from, to)
    } catch {
      rmSync(to, { recursive: true, force: true })
    }
  }
}

function turn() {
  for (let left = 20; left > 0; left -= 1) {
    for (const place of places) swap(place)
    // Now nothing, now long enough for a whole call.
    const until = performance.now() + ((swaps * 7919) % 13) / 50
    while (performance.now() < until);
  }
  setImmediate(turn)
}

/** Whoever waits for a writer of a FIFO is let go, so that it is seen to have waited. */
function release() {
  for (const { folder } of places) {
    try {
      closeSync(openSync(`${folder}/fifo`, constants.O_RDWR | constants.O_NONBLOCK))
    } catch {
      // There is none at this name.
    }
  }
}

setInterval(release, 1500)
process.on('SIGTERM', () => {
  process.stdout.write(`${swaps}\n`, () => process.exit(0))
})
process.stdout.write('ready\n')
turn()
