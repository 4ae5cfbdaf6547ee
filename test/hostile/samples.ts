/* Good replies and records of every sort, which the generator then spoils. */

export const qmp: readonly unknown[] = [
  { QMP: { version: { qemu: { micro: 22, minor: 2, major: 7 }, package: '' }, capabilities: ['oob'] } },
  { return: {}, id: 1 },
  { return: { status: 'running', running: true }, id: 2 },
  { return: {}, id: 0 },
  { return: {}, id: -1 },
  { error: { class: 'DeviceNotFound', desc: 'Device not found' }, id: 3 },
  { event: 'RESUME', timestamp: { seconds: 1_700_000_000, microseconds: 5 } },
  {
    event: 'RESET',
    data: { guest: true, reason: 'guest-reset' },
    timestamp: { seconds: 1_700_000_001, microseconds: 5 },
  },
  {
    event: 'SHUTDOWN',
    data: { guest: true, reason: 'guest-shutdown' },
    timestamp: { seconds: 1_700_000_002, microseconds: 5 },
  },
  { event: 'POWERDOWN', timestamp: { seconds: 1_700_000_003, microseconds: 5 } },
]

export const journal = { ran: true, end: null, resets: 2, resetAt: 17, upTo: 18, askedAt: null }

export const ipLinks = [
  {
    ifindex: 1,
    ifname: 'lo',
    flags: ['LOOPBACK', 'UP', 'LOWER_UP'],
    mtu: 65_536,
    group: '0',
    address: '00:00:00:00:00:00',
  },
  { ifindex: 2, ifname: 'br-a', flags: ['BROADCAST'], mtu: 1500, group: '771', address: '02:aa:bb:cc:dd:ee' },
  {
    ifindex: 3,
    ifname: 'vm-a',
    flags: ['UP'],
    mtu: 1500,
    master: 'br-a',
    group: '771',
    address: '4a:21:e5:7c:1f:fa',
    ifalias: 'moorage:0badcafe/MicroVM/default/a',
  },
  {},
]

export const ipAddresses = [
  { ifindex: 2, ifname: 'br-a', addr_info: [{ family: 'inet', local: '10.1.0.1', prefixlen: 24, scope: '0' }] },
  {},
]

export const ipDetails = [
  { ifindex: 2, ifname: 'br-a', linkinfo: { info_kind: 'bridge', info_data: {} } },
  { ifindex: 3, ifname: 'vm-a', linkinfo: { info_kind: 'tun', info_data: { type: 'tap', user: 61_000 } } },
]

export const ipComplaints = [
  'Error: Cannot find device "a".\nCommand failed -:1',
  'RTNETLINK answers: File exists\nCommand failed -:1\nError: argument "b" is wrong: x',
]

const table = 'moorage_0badcafe'

const nftTable = (family: string, sets: readonly unknown[]) => ({
  nftables: [
    { metainfo: { version: '1.0.6', json_schema_version: 1 } },
    { table: { family, name: table, handle: 3 } },
    ...sets,
    {
      chain: { family, table, name: 'forward', handle: 1, type: 'filter', hook: 'forward', prio: 0, policy: 'accept' },
    },
    {
      rule: {
        family,
        table,
        chain: 'forward',
        handle: 17,
        expr: [{ counter: { packets: 1, bytes: 2 } }, { drop: null }],
      },
    },
  ],
})

export const nft: readonly unknown[] = [
  nftTable('bridge', [
    {
      set: {
        family: 'bridge',
        name: 'portMacs',
        table,
        type: 'ifname',
        elem: [{ concat: ['vm-a', '02:00:00:00:00:01'] }],
      },
    },
    { set: { family: 'bridge', name: 'portIsolated', table, type: 'ifname', elem: ['vm-a'] } },
  ]),
  nftTable('inet', [
    {
      set: {
        family: 'inet',
        name: 'masqueraded',
        table,
        type: 'ipv4_addr',
        elem: [{ prefix: { addr: '10.1.0.0', len: 24 } }, '10.2.0.1'],
      },
    },
  ]),
]

export const nftChains = {
  nftables: [{ chain: { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', prio: 0, policy: 'drop' } }],
}

const digests = { compute: 'a', image: 'b', guest: 'c', disks: 'd', network: 'e', restart: 'f' }
const restarts = { count: 1, last: { reason: 'Crashed', at: 17 } }
const carried = {
  addresses: { eth0: '10.1.0.2' },
  power: { wish: 'on', strategy: 'Always' },
  restartRequest: null,
  operations: ['u1'],
  restarts: { count: 0, last: null },
}
const started = {
  ...{ incarnation: '0a1b2c3d', at: 17, bootId: 'boot-1', schema: 1, digests, credentials: { key: 'k1', digest: 'x' } },
  ...{ powerOff: { method: 'qmp-powerdown', graceSeconds: 30 }, accel: 'tcg', carried, ended: null },
}
const ref = { kind: 'MicroVM', namespace: 'default', name: 'a' }
const uid = '6d1c6f0e-58b7-4c33-9a3e-0c1f5b1d2e3f'

export const machine = {
  ...{
    version: 1,
    uid,
    owner: ref,
    user: 61_000,
    name: 'default.a',
    executable: '/usr/bin/qemu-system-x86_64',
    started,
  },
  nics: [{ name: 'eth0', tap: 'vm-a' }],
  rewirings: [
    { nic: 'eth0', tap: 'vm-a', commands: [{ execute: 'netdev_del', arguments: { id: 'port-eth0' }, missing: true }] },
  ],
  credentialFiles: ['credential-0'],
}

export const volume = {
  version: 1,
  name: 'a-0a1b2c3d',
  ownerUid: uid,
  owner: ref,
  ephemeral: false,
  size: 1 << 20,
  fsType: 'ext4',
  label: null,
}

export const record = {
  ...{ version: 1, ref, user: 61_000, ...carried, graceSeconds: null, started, crashes: { count: 0, retryAt: 0 } },
  restarts: { ...restarts, last: null },
}

export const status = {
  phase: 'Running',
  observedGeneration: 1,
  conditions: [
    { type: 'Ready', status: 'True', reason: 'Running', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ],
}

const object = {
  apiVersion: 'moorage.dev/v1alpha1',
  kind: 'MicroVMState',
  metadata: { name: 'a', namespace: 'default' },
  spec: { size: '1Gi' },
}
const key = 'MicroVMState/default/a'
const kept = {
  key,
  ref: { ...ref, kind: 'MicroVMState' },
  uid,
  generation: 1,
  createdAt: 17,
  object,
  stored: null,
  origin: { file: 'a.yaml', line: 1 },
}

/** Header and records; the test puts each behind its checksum. */
export const index: readonly unknown[] = [
  [
    {
      moorage: 'index',
      version: 1,
      recover: false,
      ended: [],
      directories: [['', { identity: '1:2:3', links: [] }]],
      candidates: [],
      records: 1,
    },
    { ...kept, deletion: null, absence: { since: 17, held: false } },
  ],
  [
    {
      moorage: 'index',
      version: 1,
      recover: true,
      ended: [key],
      directories: [],
      candidates: [['a', { first: 1, steady: null }]],
      records: 1,
    },
    { ...kept, origin: { machine: true }, deletion: { at: 17, asked: true }, absence: null },
  ],
]

export const trial = {
  stamp: 'boot-1   1:1:1/0/0/0 1000',
  kvm: { usable: false, why: 'a trial guest failed', group: null },
}
