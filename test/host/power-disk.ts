/**
 * A disk in the memory of a process of its own, which knows every write and every flush that a file system sends it:
 *
 *   node power-disk.mjs FOLDER BYTES
 *
 * It is a file `disk` of a FUSE file system on FOLDER (/usr/include/linux/fuse.h), to be mounted by a loop device, which
 * hands a flush on as fsync. Beside it stand the snapshots that its parent asks for by IPC (see power-device.ts):
 * copies-on-write of what the disk was at some write.
 */
import { spawn } from 'node:child_process'
import { openSync, read, writeSync } from 'node:fs'

/** What the parent asks, and what it is answered. */
export type Question =
  | { readonly ask: 'record' }
  | { readonly ask: 'log' }
  | { readonly ask: 'snapshot'; readonly writes: number; readonly lost: readonly number[] }
  | { readonly ask: 'forget'; readonly name: string }

/** `w` for each write, `f` for each flush, since recording began; or the name of a snapshot. */
export type Answer = string

type Blocks = Map<number, Buffer>

interface Node {
  readonly name: string
  readonly blocks: Blocks
}

const blockSize = 4096
/** Bytes of one request of FUSE: the default 32 pages, and room for its head. */
const requestSize = (1 << 17) + 4096
const [folder = '', bytes = ''] = process.argv.slice(2)
const size = Number(bytes)

const disk: Blocks = new Map()
const nodes = new Map<number, Node>([[2, { name: 'disk', blocks: disk }]])
let nextNode = 3
/** A write, or null for a flush; nothing is kept before recording begins. */
let log: ({ readonly at: number; readonly bytes: Buffer } | null)[] | null = null
/** What the disk was when recording began. */
let base: Blocks = new Map()

function readBlocks(blocks: Blocks, at: number, length: number): Buffer {
  const out = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const [number, offset] = [Math.floor((at + done) / blockSize), (at + done) % blockSize]
    const part = Math.min(blockSize - offset, length - done)
    blocks.get(number)?.copy(out, done, offset, offset + part)
    done += part
  }
  return out
}

function writeBlocks(blocks: Blocks, at: number, data: Buffer): void {
  for (let done = 0; done < data.length; ) {
    const [number, offset] = [Math.floor((at + done) / blockSize), (at + done) % blockSize]
    const part = Math.min(blockSize - offset, data.length - done)
    // A block may be shared with a snapshot: it is never changed, only replaced.
    const block = Buffer.from(blocks.get(number) ?? Buffer.alloc(blockSize))
    data.copy(block, offset, done, done + part)
    blocks.set(number, block)
    done += part
  }
}

/** The disk after the first so many entries of the log, without some of the writes among them. */
function snapshot(entries: number, lost: ReadonlySet<number>): string {
  const blocks = new Map(base)
  for (const [index, write] of (log ?? []).slice(0, entries).entries()) {
    if (write !== null && !lost.has(index)) writeBlocks(blocks, write.at, write.bytes)
  }
  const name = `snapshot-${nextNode}`
  nodes.set(nextNode, { name, blocks })
  nextNode += 1
  return name
}

function answer(question: Question): Answer {
  if (question.ask === 'record') {
    base = new Map(disk)
    log = []
    return ''
  }
  if (question.ask === 'log') return (log ?? []).map((write) => (write === null ? 'f' : 'w')).join('')
  if (question.ask === 'snapshot') return snapshot(question.writes, new Set(question.lost))
  for (const [id, { name }] of nodes) if (name === question.name) nodes.delete(id)
  return ''
}

/** struct fuse_attr. */
function attributes(id: number): Buffer {
  const out = Buffer.alloc(88)
  out.writeBigUInt64LE(BigInt(id), 0)
  out.writeBigUInt64LE(BigInt(id === 1 ? 0 : size), 8)
  out.writeBigUInt64LE(BigInt(id === 1 ? 0 : size / 512), 16)
  out.writeUInt32LE(id === 1 ? 0o040755 : 0o100600, 60)
  out.writeUInt32LE(1, 64)
  out.writeUInt32LE(blockSize, 80)
  return out
}

const ok = Buffer.alloc(0)
const [ENOENT, ENOSYS] = [-2, -38]

/** What a request is answered: an errno, a body, or null for what is not answered. */
type Serve = (id: number, body: Buffer) => number | Buffer | null

/** struct fuse_read_in and fuse_write_in: where, and how much. */
const rangeOf = (body: Buffer) => [Number(body.readBigUInt64LE(8)), body.readUInt32LE(16)] as const

/** A body of 32-bit numbers. */
function words(bytes: number, ...values: readonly number[]): Buffer {
  const out = Buffer.alloc(bytes)
  for (const [at, value] of values.entries()) out.writeUInt32LE(value, at * 4)
  return out
}

const lookUp: Serve = (_, body) => {
  const name = body.toString('utf8', 0, body.indexOf(0))
  const found = [...nodes].find(([, one]) => one.name === name)
  // struct fuse_entry_out: node, generation, and how many seconds it and its attributes hold.
  return found ? Buffer.concat([words(40, found[0], 0, 0, 0, 1, 0, 1), attributes(found[0])]) : ENOENT
}

const attributesOf: Serve = (id) => (nodes.has(id) || id === 1 ? Buffer.concat([words(16, 1), attributes(id)]) : ENOENT)

const readDisk: Serve = (id, body) => {
  const [at, length] = rangeOf(body)
  const node = nodes.get(id)
  return node ? readBlocks(node.blocks, at, Math.max(0, Math.min(length, size - at))) : ENOENT
}

const writeDisk: Serve = (id, body) => {
  const [at, length] = rangeOf(body)
  const node = nodes.get(id)
  if (!node) return ENOENT
  const data = Buffer.from(body.subarray(40, 40 + length))
  writeBlocks(node.blocks, at, data)
  if (node.blocks === disk) log?.push({ at, bytes: data })
  return words(8, length)
}

const flushDisk: Serve = (id) => {
  if (nodes.get(id)?.blocks === disk) log?.push(null)
  return ok
}

/** struct fuse_init_out of 7.31: as much read ahead and written at once as a request holds. */
const init: Serve = () => words(64, 7, 31, 1 << 17, bigWrites, (9 << 16) | 12, 1 << 17, 1)
const bigWrites = 1 << 5

const silent: Serve = () => null
const agree: Serve = () => ok

/** By opcode. What is not here is not known to us, and the kernel does without. */
const serves: Readonly<Record<number, Serve>> = {
  ...{ 1: lookUp, 2: silent, 3: attributesOf, 4: attributesOf, 14: () => words(16), 15: readDisk, 16: writeDisk },
  // STATFS: sizes of blocks and names. Then RELEASE, FSYNC, FLUSH and INIT.
  ...{
    17: () => words(80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, blockSize, 255),
    18: agree,
    20: flushDisk,
    25: agree,
    26: init,
  },
  // OPENDIR, RELEASEDIR, INTERRUPT, DESTROY, BATCH_FORGET.
  ...{ 27: () => words(16), 29: agree, 36: silent, 38: agree, 42: silent },
}

function reply(device: number, unique: bigint, answered: number | Buffer): void {
  const [error, body] = typeof answered === 'number' ? [answered, ok] : [0, answered]
  const head = Buffer.alloc(16)
  head.writeUInt32LE(16 + body.length, 0)
  head.writeInt32LE(error, 4)
  head.writeBigUInt64LE(unique, 8)
  try {
    writeSync(device, Buffer.concat([head, body]))
  } catch (error) {
    // The kernel has taken the question back.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const device = openSync('/dev/fuse', 'r+')
const request = Buffer.alloc(requestSize)

function next(): void {
  read(device, request, 0, requestSize, null, (error) => {
    if (error?.code === 'ENODEV') process.exit(0)
    // Nothing is mounted yet.
    if (error?.code === 'EPERM') return void setTimeout(next, 2)
    if (error && !['EINTR', 'EAGAIN', 'ENOENT'].includes(error.code ?? '')) throw error
    if (!error) {
      const body = request.subarray(40, request.readUInt32LE(0))
      const serve = serves[request.readUInt32LE(4)]
      const answered = serve ? serve(Number(request.readBigUInt64LE(16)), body) : ENOSYS
      if (answered !== null) reply(device, request.readBigUInt64LE(8), answered)
    }
    next()
  })
}

process.on('message', (question: Question) => process.send!(answer(question)))
process.on('disconnect', () => process.exit(0))
next()
const options = `fd=3,rootmode=40000,user_id=0,group_id=0`
const mounting = spawn('mount', ['-i', '-t', 'fuse', '-o', options, 'power-disk', folder], {
  stdio: ['ignore', 'inherit', 'inherit', device],
})
mounting.on('exit', (code) => (code === 0 ? process.send!('mounted') : process.exit(1)))
