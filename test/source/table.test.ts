import { describe, expect, test } from 'vitest'
import { all, MANIFESTS, network, Stage, secret, summary, uids, vm } from './stage.ts'

/** A tree before, a tree after, and what follows from it when it stays so. */
interface Row {
  readonly name: string
  readonly before: (stage: Stage) => void
  readonly after: (stage: Stage) => void
  /** What is told at once, when that differs from the end. */
  readonly soon?: readonly string[]
  readonly objects: readonly string[]
  readonly problems?: readonly RegExp[]
  readonly hold?: RegExp
  /** Names whose uid is a new one. */
  readonly anew?: readonly string[]
}

const three = { 'a.yaml': vm('a1'), 'b.yaml': vm('b1'), 'c.yaml': vm('c1') }
const five = Object.fromEntries(['v1', 'v2', 'v3', 'v4', 'v5'].map((name) => [`${name}.yaml`, vm(name)]))

/** The manifests behind `current -> rev-N`, as git-sync has them. */
function checkout(stage: Stage, revision: string, files: Readonly<Record<string, string>>): void {
  stage.files.unlink(MANIFESTS)
  stage.files.folder(`/srv/git/${revision}/host`)
  for (const [path, text] of Object.entries(files)) stage.files.write(`/srv/git/${revision}/host/${path}`, text)
  stage.files.link(revision, '/srv/git/current')
  stage.files.link('/srv/git/current/host', MANIFESTS)
}

const rows: readonly Row[] = [
  {
    name: 'a spec that changes is a new generation',
    before: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    after: (stage) => stage.write({ 'a.yaml': vm('a1', 2) }),
    objects: ['a1@2'],
  },
  {
    name: 'comments, order and layout are no change',
    before: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    after: (stage) =>
      stage.write({
        'a.yaml': `# why\nkind: MicroVM\napiVersion: moorage.dev/v1alpha1\nmetadata: {name: a1}\nspec:\n  memory: 128Mi\n  vcpu: 1\n  image:\n    name: debian\n`,
      }),
    objects: ['a1@1'],
  },
  {
    name: 'labels are no new generation',
    before: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    after: (stage) => stage.write({ 'a.yaml': vm('a1').replace('name: a1', 'name: a1, labels: { app: web }') }),
    objects: ['a1@1'],
  },
  {
    name: 'a Secret whose value changes is a new generation',
    before: (stage) => stage.write({ 's.yaml': secret('s1', 'one') }),
    after: (stage) => stage.write({ 's.yaml': secret('s1', 'two') }),
    objects: ['s1@2'],
  },
  {
    name: 'a new file beside others',
    before: (stage) => stage.write(three),
    after: (stage) =>
      stage.write({
        'sub/deep/d.yml': vm('d1'),
        'e.json': '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"e1"}}',
      }),
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@1', 'e1@1'],
  },
  {
    name: 'a file cleanly gone',
    before: (stage) => stage.write(three),
    after: (stage) => stage.remove('b.yaml'),
    soon: ['a1@1', 'b1@1', 'c1@1'],
    objects: ['a1@1', 'b1@1†', 'c1@1'],
  },
  {
    name: 'the only file cleanly gone',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), network('net1')) }),
    after: (stage) => stage.remove('a.yaml'),
    objects: ['a1@1†', 'net1@1†'],
  },
  {
    name: 'a folder cleanly gone',
    before: (stage) => stage.write({ ...three, 'sub/d.yaml': vm('d1') }),
    after: (stage) => stage.remove('sub'),
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@1†'],
  },
  {
    name: 'a document cleanly gone from its file',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), vm('a2')) }),
    after: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    soon: ['a1@1', 'a2@1'],
    objects: ['a1@1', 'a2@1†'],
  },
  {
    name: 'a file renamed to something that is no manifest',
    before: (stage) => stage.write(three),
    after: (stage) => stage.files.move(`${MANIFESTS}/a.yaml`, `${MANIFESTS}/a.yaml.off`),
    objects: ['a1@1†', 'b1@1', 'c1@1'],
  },
  {
    name: 'an object moves to another file',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), vm('a2')), 'b.yaml': vm('b1') }),
    after: (stage) => stage.write({ 'a.yaml': vm('a1'), 'b.yaml': all(vm('b1'), vm('a2')) }),
    objects: ['a1@1', 'a2@1', 'b1@1'],
  },
  {
    name: 'a file is renamed',
    before: (stage) => stage.write(three),
    after: (stage) => stage.files.move(`${MANIFESTS}/a.yaml`, `${MANIFESTS}/sub/z.yaml`),
    objects: ['a1@1', 'b1@1', 'c1@1'],
  },
  {
    name: 'an object moves into a file that is half written',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.remove('a.yaml')
      stage.write({ 'z.yaml': `${vm('a1')}---\nkind: [` })
    },
    objects: ['a1@1', 'b1@1', 'c1@1'],
    problems: [/z\.yaml:6 /],
  },
  {
    name: 'an object moves into a file whose only document is broken',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.remove('a.yaml')
      stage.write({ 'z.yaml': 'kind: MicroVM\nmetadata: { name: a1\n' })
    },
    objects: ['a1@1!', 'b1@1', 'c1@1'],
    problems: [/z\.yaml:\d/, /z\.yaml:0 MicroVM\/default\/a1 is in no manifest any more and is kept.*mend the file/],
  },
  {
    name: 'a broken file that does not name it delays no deletion',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.remove('a.yaml')
      stage.write({ 'b.yaml': 'kind: MicroVM\nmetadata: { name: b1\n' })
    },
    objects: ['a1@1†', 'b1@1!', 'c1@1'],
    problems: [/b\.yaml:\d/],
  },
  {
    name: 'an empty file keeps its objects',
    before: (stage) => stage.write(three),
    after: (stage) => stage.write({ 'a.yaml': '' }),
    objects: ['a1@1!', 'b1@1', 'c1@1'],
    problems: [/^a\.yaml:0 the file is empty: /],
  },
  {
    name: 'a file cut in the middle of a document keeps its objects',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), vm('a2')) }),
    after: (stage) => stage.write({ 'a.yaml': all(vm('a1', 2), 'apiVersion: moorage.dev/v1alpha1\nkind: Micr') }),
    objects: ['a1@2', 'a2@1!'],
    problems: [/^a\.yaml:\d/],
  },
  {
    name: 'a tab in a file keeps its objects',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), network('net1')) }),
    after: (stage) => stage.write({ 'a.yaml': all('\tkind: x\n', network('net1')) }),
    objects: ['a1@1!', 'net1@1'],
    problems: [/^a\.yaml:1 /],
  },
  {
    name: 'a file that is not UTF-8 keeps its objects',
    before: (stage) => stage.write(three),
    after: (stage) => stage.files.write(`${MANIFESTS}/a.yaml`, new Uint8Array([0x61, 0xff, 0xfe])),
    objects: ['a1@1!', 'b1@1', 'c1@1'],
    problems: [/^a\.yaml:0 the file is not text in UTF-8: /],
  },
  {
    name: 'a file that is too large keeps its objects',
    before: (stage) => stage.write(three),
    after: (stage) => stage.write({ 'a.yaml': `${vm('a1', 2)}#${'x'.repeat(1024 * 1024)}` }),
    objects: ['a1@1!', 'b1@1', 'c1@1'],
    problems: [/^a\.yaml:0 the file is too large: /],
  },
  {
    name: 'a file that may not be read keeps its objects',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.files.replace(`${MANIFESTS}/a.yaml`, vm('a1', 2))
      stage.files.deny(`${MANIFESTS}/a.yaml`)
    },
    objects: ['a1@1!', 'b1@1', 'c1@1'],
    problems: [/^a\.yaml:0 the file cannot be read \(permission denied\): /],
  },
  {
    name: 'a FIFO in the place of a file is not opened',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.remove('a.yaml')
      stage.files.special(`${MANIFESTS}/a.yaml`)
    },
    objects: ['a1@1!', 'b1@1', 'c1@1'],
    problems: [/^a\.yaml:0 the file is a device, FIFO or socket: /],
  },
  {
    name: 'a bad document whose object can be told keeps that one; the others go on',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), vm('a2'), vm('a3')) }),
    after: (stage) => stage.write({ 'a.yaml': all(vm('a1', 2), vm('a2', 'many')) }),
    objects: ['a1@2', 'a2@1!', 'a3@1†'],
    problems: [/^a\.yaml:9 spec\.vcpu /],
  },
  {
    name: 'a bad document that names nobody known keeps every absent object of its file',
    before: (stage) => stage.write({ 'a.yaml': all(vm('a1'), vm('a2')), 'b.yaml': vm('b1') }),
    after: (stage) => stage.write({ 'a.yaml': all(vm('a1', 2), vm('a22', 'many')) }),
    objects: ['a1@2', 'a2@1!', 'b1@1'],
    problems: [/^a\.yaml:9 spec\.vcpu /],
  },
  {
    name: 'a field misspelt keeps the last good version',
    before: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    after: (stage) => stage.write({ 'a.yaml': vm('a1').replace('vcpu', 'vcpus') }),
    objects: ['a1@1!'],
    problems: [/^a\.yaml:4 .*vcpus/, /^a\.yaml:4 spec\.vcpu is required/],
  },
  {
    name: 'the same object in a second file is refused in both; the last good one stays',
    before: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    after: (stage) => stage.write({ 'a.yaml': vm('a1', 2), 'b.yaml': all(vm('b1'), vm('a1', 3)) }),
    objects: ['a1@1!', 'b1@1'],
    problems: [
      new RegExp(`^a\\.yaml:1 MicroVM/default/a1 is in ${MANIFESTS}/b\\.yaml:6 as well: `),
      new RegExp(`^b\\.yaml:6 MicroVM/default/a1 is in ${MANIFESTS}/a\\.yaml:1 as well: `),
    ],
  },
  {
    name: 'one of two twins goes: the other is taken',
    before: (stage) => stage.write({ 'a.yaml': vm('a1'), 'b.yaml': vm('a1', 2) }),
    after: (stage) => stage.remove('a.yaml'),
    objects: ['a1@1'],
  },
  {
    name: 'the directory is missing',
    before: (stage) => stage.write(three),
    after: (stage) => stage.files.unlink(MANIFESTS),
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /^\/etc\/moorage\/manifests is not there: /,
  },
  {
    name: 'the directory may not be read',
    before: (stage) => stage.write(three),
    after: (stage) => stage.files.deny(MANIFESTS, 'EIO'),
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /input\/output error/,
  },
  {
    name: 'the directory is a file',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.files.unlink(MANIFESTS)
      stage.files.write(MANIFESTS, 'oops')
    },
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /is not a directory/,
  },
  {
    name: 'several manifests at once and none left',
    before: (stage) => stage.write(three),
    after: (stage) => stage.remove('a.yaml', 'b.yaml', 'c.yaml'),
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /held 3 manifests and holds none any more: put them back/,
  },
  {
    name: 'another file system is mounted over it',
    before: (stage) => stage.write(three),
    after: (stage) => void stage.files.mount(MANIFESTS, 7),
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /holds none any more/,
  },
  {
    name: 'another file system is mounted over it, with some of the manifests',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.files.mount(MANIFESTS, 7)
      stage.write({ 'a.yaml': vm('a1', 2), 'd.yaml': vm('d1') })
    },
    objects: ['a1@2', 'b1@1', 'c1@1', 'd1@1'],
    hold: /was replaced; 2 of its objects are not in it and kept: put their manifests back/,
  },
  {
    name: 'the directory is made anew with all manifests: then it counts again',
    before: (stage) => stage.write(three),
    after: (stage) => {
      stage.files.unlink(MANIFESTS)
      stage.write({ 'all.yaml': all(vm('a1'), vm('b1'), vm('c1', 2)) })
    },
    objects: ['a1@1', 'b1@1', 'c1@2'],
  },
  {
    name: 'a folder is unmounted: the place below it is empty',
    before: (stage) => {
      stage.files.mount(`${MANIFESTS}/sub`, 7)
      stage.write({ ...three, 'sub/d.yaml': vm('d1') })
    },
    after: (stage) => {
      stage.remove('sub')
      stage.files.folder(`${MANIFESTS}/sub`)
    },
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@1!'],
    problems: [/^sub:0 the directory was replaced; 1 of its objects is not in it and kept: put their manifests back/],
  },
  {
    name: 'a folder is mounted over with some of its manifests',
    before: (stage) => stage.write({ ...three, 'sub/d.yaml': vm('d1'), 'sub/e.yaml': vm('e1') }),
    after: (stage) => {
      stage.files.mount(`${MANIFESTS}/sub`, 7)
      stage.write({ 'sub/d.yaml': vm('d1') })
    },
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@1', 'e1@1!'],
    problems: [/^sub:0 the directory was replaced; 1 of its objects is not in it and kept: put their manifests back/],
  },
  {
    name: 'a folder made anew with nothing of before in it: that an object of it stands elsewhere is no witness',
    before: (stage) => stage.write({ ...three, 'sub/d.yaml': vm('d1'), 'sub/e.yaml': vm('e1') }),
    after: (stage) => {
      stage.remove('sub')
      stage.write({ 'sub/z.yaml': vm('z1'), 'd.yaml': vm('d1') })
    },
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@1', 'e1@1!', 'z1@1'],
    problems: [/^sub:0 the directory was replaced; 1 of its objects is not in it and kept: put their manifests back/],
  },
  {
    name: 'a folder made anew on the same device, all good and with an object of before, counts',
    before: (stage) => stage.write({ ...three, 'sub/d.yaml': vm('d1'), 'sub/e.yaml': vm('e1') }),
    after: (stage) => {
      stage.remove('sub')
      stage.write({ 'sub/d.yaml': vm('d1', 2) })
    },
    soon: ['a1@1', 'b1@1', 'c1@1', 'd1@2', 'e1@1!'],
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@2', 'e1@1†'],
  },
  {
    name: 'a folder may not be read: its objects are kept, others are not',
    before: (stage) => stage.write({ ...three, 'sub/d.yaml': vm('d1') }),
    after: (stage) => {
      stage.files.deny(`${MANIFESTS}/sub`)
      stage.remove('a.yaml')
    },
    objects: ['a1@1†', 'b1@1', 'c1@1', 'd1@1!'],
    problems: [/^sub:0 the directory cannot be read \(permission denied\)/],
  },
  {
    name: 'a link to the checkout is re-pointed: edits at once, deletions when it is whole and stays',
    before: (stage) => checkout(stage, 'rev-1', three),
    after: (stage) => checkout(stage, 'rev-2', { 'a.yaml': vm('a1', 2), 'b.yaml': vm('b1') }),
    soon: ['a1@2', 'b1@1', 'c1@1'],
    objects: ['a1@2', 'b1@1', 'c1@1†'],
  },
  {
    name: 'a link is re-pointed to a tree with a bad manifest: nothing is deleted',
    before: (stage) => checkout(stage, 'rev-1', three),
    after: (stage) => checkout(stage, 'rev-2', { 'a.yaml': vm('a1', 2), 'b.yaml': vm('b1', 'x') }),
    objects: ['a1@2', 'b1@1!', 'c1@1'],
    hold: /was replaced; 1 of its objects is not in it and kept: mend every manifest in it/,
    problems: [/b\.yaml:4 spec\.vcpu/],
  },
  {
    name: 'a link is re-pointed to an unrelated tree: nothing is deleted',
    before: (stage) => checkout(stage, 'rev-1', three),
    after: (stage) => checkout(stage, 'rev-2', { 'z.yaml': vm('z1') }),
    objects: ['a1@1', 'b1@1', 'c1@1', 'z1@1'],
    hold: /was replaced; 3 of its objects are not in it and kept: put their manifests back/,
  },
  {
    name: 'a link is re-pointed to an empty tree: nothing is deleted',
    before: (stage) => checkout(stage, 'rev-1', three),
    after: (stage) => checkout(stage, 'rev-2', {}),
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /holds none any more/,
  },
  {
    name: 'a link is re-pointed to nothing',
    before: (stage) => checkout(stage, 'rev-1', three),
    after: (stage) => stage.files.link('rev-9', '/srv/git/current'),
    objects: ['a1@1', 'b1@1', 'c1@1'],
    hold: /is not there/,
  },
  {
    name: 'a ConfigMap is updated: `..data` swaps, links stay or go',
    before: (stage) => {
      stage.files.write(`${MANIFESTS}/..v1/a.yaml`, vm('a1'))
      stage.files.write(`${MANIFESTS}/..v1/b.yaml`, vm('b1'))
      stage.files.link('..v1', `${MANIFESTS}/..data`)
      stage.files.link('..data/a.yaml', `${MANIFESTS}/a.yaml`)
      stage.files.link('..data/b.yaml', `${MANIFESTS}/b.yaml`)
    },
    after: (stage) => {
      stage.files.write(`${MANIFESTS}/..v2/a.yaml`, vm('a1', 2))
      stage.files.link('..v2', `${MANIFESTS}/..data`)
      stage.remove('b.yaml')
    },
    objects: ['a1@2', 'b1@1†'],
  },
  {
    name: 'a link to a manifest leads nowhere',
    before: (stage) => {
      stage.files.write('/srv/b.yaml', vm('b1'))
      stage.files.link('/srv/b.yaml', `${MANIFESTS}/b.yaml`)
    },
    after: (stage) => stage.files.unlink('/srv/b.yaml'),
    objects: ['b1@1!'],
    problems: [/^b\.yaml:0 the file is a link to nothing: /],
  },
  {
    name: 'a link to a folder leads nowhere',
    before: (stage) => {
      stage.write(three)
      stage.files.write('/srv/apps/d.yaml', vm('d1'))
      stage.files.link('/srv/apps', `${MANIFESTS}/apps`)
    },
    after: (stage) => stage.files.unlink('/srv/apps'),
    objects: ['a1@1', 'b1@1', 'c1@1', 'd1@1!'],
    problems: [/^apps:0 the directory is a link to nothing: /],
  },
  {
    name: 'links in rings and to what was read already are followed once',
    before: (stage) => stage.write({ 'rev-1/a.yaml': vm('a1') }),
    after: (stage) => {
      stage.files.link('rev-1', `${MANIFESTS}/current`)
      stage.files.link('.', `${MANIFESTS}/again`)
      stage.files.link('..', `${MANIFESTS}/rev-1/up`)
      stage.files.link('round', `${MANIFESTS}/round`)
      stage.files.link('rev-1/a.yaml', `${MANIFESTS}/a-too.yaml`)
    },
    objects: ['a1@1'],
    problems: [/^round:0 the directory is a ring of links/],
  },
  {
    name: 'dot files, editors’ leavings and other files are passed over',
    before: (stage) => stage.write({ 'a.yaml': vm('a1') }),
    after: (stage) =>
      stage.write({
        '.git/config.yaml': 'nonsense: [',
        '.a.yaml.swp': 'x',
        'a.yaml~': vm('a1', 9),
        '#a.yaml#': 'x',
        'README.md': '# hello',
      }),
    objects: ['a1@1'],
  },
  {
    name: 'more than half of five MicroVMs at once',
    before: (stage) => stage.write({ ...five, 'net.yaml': network('net1') }),
    after: (stage) => stage.remove('v1.yaml', 'v2.yaml', 'v3.yaml', 'net.yaml'),
    soon: ['v1@1', 'v2@1', 'v3@1', 'v4@1', 'v5@1', 'net1@1'],
    objects: ['v1@1!', 'v2@1!', 'v3@1!', 'v4@1', 'v5@1', 'net1@1!'],
    problems: [
      /:0 3 of 5 MicroVMs would go at once: put their manifests back, or confirm with `moorage delete MicroVM v1 v2 v3`/,
    ],
  },
  {
    name: 'two of five MicroVMs at once',
    before: (stage) => stage.write(five),
    after: (stage) => stage.remove('v1.yaml', 'v2.yaml'),
    objects: ['v1@1†', 'v2@1†', 'v3@1', 'v4@1', 'v5@1'],
  },
  {
    name: 'two of three MicroVMs at once are too few to ask',
    before: (stage) => stage.write(three),
    after: (stage) => stage.remove('a.yaml', 'b.yaml'),
    objects: ['a1@1†', 'b1@1†', 'c1@1'],
  },
  {
    name: 'five MicroVMs in the only file, which goes',
    before: (stage) => stage.write({ 'all.yaml': all(...Object.values(five)) }),
    after: (stage) => stage.remove('all.yaml'),
    objects: ['v1@1!', 'v2@1!', 'v3@1!', 'v4@1!', 'v5@1!'],
    problems: [/5 of 5 MicroVMs would go at once/],
  },
]

describe('before and after', () => {
  test.each(rows)('$name', async (row) => {
    const stage = new Stage()
    row.before(stage)
    const before = await stage.listAfter(5000)
    expect(before.hold).toBeNull()
    row.after(stage)
    const soon = summary(await stage.list())
    const after = await stage.listAfter(1000, 2000, 1000)
    const end = summary(after)
    const sorted = (names: readonly string[]) => [...names].sort()
    if (row.soon !== undefined) expect(sorted(withoutMarks(soon.objects))).toEqual(sorted(withoutMarks(row.soon)))
    expect(sorted(end.objects)).toEqual(sorted(row.objects))
    expectProblems(end.problems, row.problems ?? [])
    if (row.hold === undefined) expect(end.hold).toBeNull()
    else expect(end.hold).toMatch(row.hold)
    for (const [key, uid] of uids(before)) expect(uids(after).get(key)).toBe(uid)
    expect(after.recheckAt).toBeNull()
    stage.restart()
    expect(summary(await stage.list())).toEqual(end)
  })
})

function withoutMarks(names: readonly string[]): string[] {
  return names.map((name) => name.replace('!', ''))
}

/** Every problem is expected, and every expectation is met. */
function expectProblems(problems: readonly string[], expected: readonly RegExp[]): void {
  for (const pattern of expected) expect(problems).toContainEqual(expect.stringMatching(pattern))
  const stray = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)))
  expect(stray.filter((problem) => !problem.includes('is kept'))).toEqual([])
}
