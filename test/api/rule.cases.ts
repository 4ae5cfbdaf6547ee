/** An object: its kind and its spec. */
export type Case = readonly [kind: string, spec: object]

const vm = (spec: object) => ['MicroVM', { vcpu: 1, memory: '64Mi', image: { name: 'a' }, ...spec }] as const
const disk = (name: string, state?: string) => ({
  name,
  ...(state ? { state: { name: state } } : { ephemeral: { size: '1Gi' } }),
})
const nic = (fields: object) => vm({ interfaces: [{ name: 'eth0', network: { name: 'a' }, ...fields }] })
const credential = (source: object) => vm({ credentials: { items: [{ name: 'a', source }] } })
const template = (name: string) => ({ stateTemplates: [{ disk: name, spec: { size: '1Gi' } }] })
const net = (subnet: string, gateway?: string) => ['MicroVMNetwork', { subnet, ...(gateway && { gateway }) }] as const
const range = (first: string, last: string) =>
  ['MicroVMTenant', { networks: [{ name: 'a', ranges: [{ first, last }] }] }] as const
const quota = (amounts: object) => ['MicroVMTenant', { quota: amounts }] as const
const roll = (matchLabels: object) => ['MicroVMRollout', { selector: { matchLabels } }] as const
const state = (spec: object) => ['MicroVMState', { size: '1Gi', ...spec }] as const

/** A rule, by what stands in its CEL and in no other; objects that keep it, and objects that break it. */
export type RuleCase = readonly [cel: RegExp, good: readonly Case[], bad: readonly Case[]]

/** For each CEL rule what keeps it and what breaks it: the schema of a directory and an API server must say the same. */
export const ruleCases: readonly RuleCase[] = [
  [/self[.]state\)/, [vm({ disks: [disk('a', 's')] }), vm({ disks: [disk('a')] })], [vm({ disks: [{ name: 'a' }] })]],
  [
    /self[.]stateTemplates[.]all/,
    [vm({ disks: [disk('a', 's')], ...template('a') })],
    [vm(template('a')), vm({ disks: [disk('a')], ...template('a') })],
  ],
  [
    /exists_one/,
    [vm({ disks: [disk('a', 's'), disk('b', 't'), disk('c')] })],
    [vm({ disks: [disk('a', 's'), disk('b', 's')] })],
  ],
  [
    /self[.]secretKeyRef/,
    [credential({ value: '' }), credential({ file: { path: '/a' } })],
    [credential({}), credential({ value: '', file: { path: '/a' } })],
  ],
  [
    /self[.]vsockNotify/,
    [vm({ readiness: { vsockNotify: {} } })],
    [vm({ readiness: {} }), vm({ readiness: { vsockNotify: {}, tcpSocket: { port: 1 } } })],
  ],
  [
    /has\(self[.]hostPath\)/,
    [['MicroVMImage', { architecture: 'amd64', source: { hostPath: { kernel: { path: '/k' } } } }]],
    [['MicroVMImage', { architecture: 'amd64', source: {} }]],
  ],
  [/'default', 'lo'/, [nic({ tap: 'lo0' })], [nic({ tap: 'lo' }), nic({ tap: 'all' }), nic({ tap: 'default' })]],
  [/00:00:00/, [nic({ mac: '00:00:00:00:00:01' })], [nic({ mac: '00:00:00:00:00:00' })]],
  [
    /endsWith/,
    [credential({ file: { path: '/a/..b/c..' } })],
    [credential({ file: { path: '/a/../b' } }), credential({ file: { path: '/..' } })],
  ],
  [
    /169[.]254/,
    [
      ['MicroVMNetwork', { subnet: '169.253.0.0/16' }],
      ['MicroVMNetwork', { subnet: '223.0.0.0/8' }],
    ],
    ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/8', '255.0.0.0/8'].map(
      (subnet) => ['MicroVMNetwork', { subnet }] as const,
    ),
  ],
  [
    /'none'/,
    [state({ fsType: 'none' }), state({ fsType: 'ext4', label: 'a' }), state({ label: 'a' })],
    [state({ fsType: 'none', label: 'a' })],
  ],
  [
    /'xfs'/,
    [state({ fsType: 'xfs', label: 'a'.repeat(12) }), state({ fsType: 'ext4', label: 'a'.repeat(13) })],
    [state({ fsType: 'xfs', label: 'a'.repeat(13) })],
  ],
  [
    /^!has\(self[.]gateway\)/,
    [net('10.1.0.0/24', '10.1.0.1'), net('10.1.0.0/24', '10.1.0.254'), net('10.0.0.0/8', '10.255.255.254')],
    ['10.1.0.0', '10.1.0.255', '10.1.1.1', '9.1.0.1'].map((gateway) => net('10.1.0.0/24', gateway)),
  ],
  [
    /^[(]?int\(self[.]first/,
    [range('10.1.0.1', '10.1.0.1'), range('10.1.0.255', '10.1.1.0'), range('9.255.255.255', '10.0.0.0')],
    [range('10.1.0.2', '10.1.0.1'), range('10.1.1.0', '10.1.0.255')],
  ],
  [
    / % \[/,
    [net('10.1.0.4/30'), net('10.0.0.0/8'), net('192.168.4.128/25')],
    [net('10.1.0.5/30'), net('10.0.0.1/8'), net('192.168.4.129/25'), net('10.1.0.0/8')],
  ],
  [
    /^self[.]all\(key/,
    [roll({ app: 'a' }), roll({ 'example.org/app': '' }), roll({})],
    [roll({ 'a b': '' }), roll({ '': '' })],
  ],
  [
    /'16Mi'/,
    [vm({ memory: '16Mi' }), vm({ memory: 16_777_216 })],
    [vm({ memory: '15Mi' }), vm({ memory: 16_777_215 })],
  ],
  [/'64Ti'/, [vm({ memory: '64Ti' })], [vm({ memory: '65Ti' }), vm({ memory: '70368744177665' })]],
  [/'1Mi'/, [state({ size: '1Mi' })], [state({ size: '1' }), state({ size: 1000 })]],
  [/'1Pi'/, [state({ size: '1Pi' }), quota({ memory: '0' })], [state({ size: '2Pi' }), quota({ memory: '1025Ti' })]],
  [/'1024Pi'/, [quota({ disk: '1024Pi' }), quota({ disk: 0 })], [quota({ disk: '1025Pi' })]],
]
