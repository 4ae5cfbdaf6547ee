// @ts-check
/**
 * The image of manifests/Containerfile, built by buildah of Debian in a tree of its own, without a registry: what stands in for
 * `node:20-bookworm-slim` under that very name is a Debian of the mirror with this machine's Node and npm.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { cache, checkout } from './paths.mjs'
import { output, run } from './run.mjs'

/** Where the manifests of the test say that the image is; 0.1.1 differs by a label. */
export const image = 'registry.example.org/moorage'

/** What pods of the test begin with. */
export const pauseImage = 'localhost/pause:1'

const base = 'docker.io/library/node:20-bookworm-slim'

const folder = join(cache, 'kubelet')

/**
 * Builds it, with what is cached of the last time, and answers the archives to import. Needs a mount namespace of its own.
 *
 * @param {string} pause a static program
 * @returns {Promise<readonly string[]>}
 */
export async function buildImages(pause) {
  const builder = await ensureTree('builder', ['buildah', 'ca-certificates'])
  const context = join(folder, 'context')
  rmSync(context, { recursive: true, force: true })
  mkdirSync(context, { recursive: true })
  const buildah = await enter(builder, context)
  const stamp = join(builder, 'var/lib/base.made')
  if (!existsSync(stamp)) {
    console.log(`setup: making what stands in for ${base}`)
    const tree = await ensureTree('base', ['ca-certificates'])
    await layBase(tree, context)
    await buildah('bud', '-t', base, '-f', '/context/Containerfile', '/context')
    writeFileSync(stamp, '')
  }
  console.log('setup: building manifests/Containerfile')
  const build = ['bud', '--layers', '--network', 'host', '-t', `${image}:0.1.0`]
  await buildah(...build, '-f', '/checkout/manifests/Containerfile', '/checkout')
  cpSync(pause, join(context, 'pause'))
  writeFileSync(join(context, 'Next'), `FROM ${image}:0.1.0\nLABEL org.opencontainers.image.version=0.1.1\n`)
  writeFileSync(join(context, 'Pause'), 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
  await buildah('bud', '-t', `${image}:0.1.1`, '-f', '/context/Next', '/context')
  await buildah('bud', '-t', pauseImage, '-f', '/context/Pause', '/context')
  const names = [pauseImage, `${image}:0.1.0`, `${image}:0.1.1`]
  for (const [index, name] of names.entries())
    await buildah('push', name, `docker-archive:/context/${index}.tar:${name}`)
  return names.map((_, index) => join(context, `${index}.tar`))
}

/**
 * A tree of Debian with these packages, made once for each list of them.
 *
 * @param {string} name
 * @param {readonly string[]} packages
 */
export async function ensureTree(name, packages) {
  const digest = createHash('sha256').update(packages.join()).digest('hex').slice(0, 12)
  const tree = join(folder, `${name}-${digest}`)
  if (existsSync(tree)) return tree
  console.log(`setup: making a Debian for the ${name} of a node in ${tree}, a minute`)
  const fresh = `${tree}.${process.pid}`
  try {
    const argv = [
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      '--mode=root',
      `--include=${packages.join()}`,
      'bookworm',
      fresh,
    ]
    await run(['nice', '-n', '10', ...argv], { minutes: 20, quiet: true })
    renameSync(fresh, tree)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return tree
}

/**
 * Mounts what buildah needs into its tree.
 *
 * @param {string} tree
 * @param {string} context is /context there
 * @returns {Promise<(...args: string[]) => Promise<number>>} runs buildah
 */
async function enter(tree, context) {
  const at = (/** @type {string} */ path) => join(tree, path)
  for (const path of ['checkout', 'context']) mkdirSync(at(path), { recursive: true })
  cpSync(realpathSync('/etc/resolv.conf'), at('etc/resolv.conf'))
  const mounts = [
    ['--bind', tree, tree],
    ['--rbind', '/dev', at('dev')],
    ['-t', 'proc', 'proc', at('proc')],
    ['-t', 'sysfs', 'sysfs', at('sys')],
    ['-t', 'tmpfs', 'tmpfs', at('run')],
    ['--bind', '-o', 'ro', checkout, at('checkout')],
    ['--bind', context, at('context')],
  ]
  for (const mount of mounts) await run(['mount', ...mount], { minutes: 1, quiet: true })
  const env = { HOME: '/root', BUILDAH_ISOLATION: 'chroot', STORAGE_DRIVER: 'overlay' }
  return (...args) => run(['nice', '-n', '10', 'chroot', tree, 'buildah', ...args], { minutes: 20, quiet: true, env })
}

/** The files of the stand-in, and how to make an image of them. @param {string} tree @param {string} context */
async function layBase(tree, context) {
  const files = join(context, 'base')
  await run(['cp', '-a', tree, files], { minutes: 5, quiet: true })
  // A runtime makes its own.
  rmSync(join(files, 'dev'), { recursive: true })
  mkdirSync(join(files, 'dev'))
  const local = join(files, 'usr/local')
  cpSync(process.execPath, join(local, 'bin/node'))
  const modules = dirname(npmFolder())
  cpSync(join(modules, 'npm'), join(local, 'lib/node_modules/npm'), { recursive: true, dereference: true })
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name))
  const given = process.env.NODE_EXTRA_CA_CERTS
  if (given) cpSync(given, join(files, 'etc/ssl/certs/ca-certificates.crt'), { dereference: true })
  const certificates = 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'
  writeFileSync(join(context, 'Containerfile'), `FROM scratch\nCOPY base /\n${certificates}\nCMD ["node"]\n`)
}

/** The folder of npm. */
function npmFolder() {
  const program = (process.env.PATH ?? '')
    .split(':')
    .map((one) => join(one, 'npm'))
    .find((one) => existsSync(one))
  if (program === undefined) throw new Error('npm is not on PATH')
  const folder = dirname(dirname(realpathSync(program)))
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return folder
}

/** What the image is made of. */
export async function imageDigest() {
  const hash = createHash('sha256')
  for (const line of (
    await output([
      'git',
      'ls-files',
      '-z',
      'src',
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'test/setup',
      'LICENSE',
      'manifests/Containerfile',
      '.containerignore',
    ])
  ).split('\0')) {
    if (line !== '') hash.update(`${line}\0`).update(readFileSync(join(checkout, line)))
  }
  return hash.digest('hex').slice(0, 12)
}
