/** A manifest with one fault, and what must be said of it: `line:column sentence`. */
export type BadInput = readonly [text: string, said: string]

const vm = (line: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVM
metadata: { name: web }
spec:
  vcpu: 1
  memory: 64Mi
  image: { name: debian }
  ${line}`

const network = (line: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVMNetwork
metadata: { name: slot1 }
spec:
  ${line}`

const image = (source: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVMImage
metadata: { name: debian }
spec:
  architecture: amd64
  source: ${source}`

const state = (spec: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVMState
metadata: { name: home }
spec: ${spec}`

const operation = (spec: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVMOperation
metadata: { name: again }
spec: ${spec}`

const secret = (line: string) => `apiVersion: v1
kind: Secret
metadata: { name: app }
${line}`

const meta = (metadata: string) => `apiVersion: moorage.dev/v1alpha1
kind: MicroVMState
metadata: ${metadata}
spec: { size: 1Gi }`

/** What is not YAML, or YAML that would surprise. */
export const YAML_FAULTS: readonly BadInput[] = [
  [vm('\tvcpu: 2'), '8:3 a tab is used as indentation: use spaces'],
  [vm('vsock: {'), '8:11 a bracket is opened here and not closed, or what it holds is indented too little'],
  [
    vm('oemStrings: [ "a, b ]'),
    '8:24 a quote is opened and never closed\n8:24 a bracket is opened here and not closed, or what it holds is indented too little',
  ],
  [
    vm('restartToken: a: b'),
    '8:17 a second ": " or a list stands on the line of a key: begin a new line, or put the value in quotes',
  ],
  [
    vm('restartToken: "\\q"'),
    '8:18 a backslash escape in double quotes is not valid: write \\\\ for a backslash, or use single quotes',
  ],
  [vm('restartToken: @a'), '8:17 text cannot begin with this character: put it in quotes'],
  [vm('restartToken'), '8:3 a colon is missing after this key'],
  [vm('vcpu: 2'), '8:3 spec.vcpu stands here twice: take one out'],
  [vm('restartToken: yes'), '8:17 spec.restartToken is read differently by YAML 1.1 and 1.2: put it in quotes'],
  [vm('restartToken: 0755'), '8:17 spec.restartToken is read differently by YAML 1.1 and 1.2: put it in quotes'],
  [vm('restartToken: 1_000'), '8:17 spec.restartToken is read differently by YAML 1.1 and 1.2: put it in quotes'],
  [vm('on: 1'), '8:3 spec has a key that is not text: put it in quotes'],
  [vm('1: x'), '8:3 spec has a key that is not text: put it in quotes'],
  [vm('? [a]\n  : b'), '8:5 spec has a key that is not text: put it in quotes'],
  [vm('<<: { vcpu: 2 }'), '8:3 spec has a merge key (<<): write the fields out'],
  [vm('__proto__: { vcpu: 2 }'), '8:3 spec has a key __proto__, which is refused'],
  [vm('"": 2'), '8:3 spec has an empty key'],
  [vm('restartToken: !!binary aGk='), '8:26 spec.restartToken has a tag (!) that is not known here: take it out'],
  [vm('restartToken: !secret x'), '8:17 a tag (!) is not known here: take it out'],
  [vm('restartToken: *gone'), '8:17 spec.restartToken is an alias (*) without an anchor (&) before it'],
  [vm('disks: &a [ *a ]'), '8:15 spec.disks[0] is an alias (*) of what contains it'],
  [`%YAML 1.1\n---\n${vm('')}`, '2:1 a %YAML directive asks for another version than 1.2: take it out'],
  [`a: ${'['.repeat(40)}`, '1:37 lists and mappings are nested deeper than 32 levels'],
  ['{'.repeat(1_000_000), '1:35 lists and mappings are nested deeper than 32 levels'],
  [`"${'\\x'.repeat(400_000)}"`, '1:402 the file has too many errors: is it YAML?'],
  ['a: 1\n---\n'.repeat(1001), '2000:1 the file has more than 1000 documents: split it'],
  ['#'.repeat(1_048_577), '1:1 the file is larger than 1 MiB: split it'],
  [`a: &a x\nb: [${'*a, '.repeat(40)}]`, '2:133 the document has more than 32 aliases: write them out'],
  [`{ "kind": "MicroVM", }}`, '1:23 this does not belong here: check quotes, brackets and indentation'],
]

/** What is not one of our objects. */
export const OBJECT_FAULTS: readonly BadInput[] = [
  [
    meta(`{ name: a, labels: { ${Array.from({ length: 129 }, (_, index) => `k${index}: v`).join(', ')} } }`),
    '3:30 metadata.labels must have at most 128 entries',
  ],
  ['just text', '1:1 a document must be a mapping with apiVersion, kind, metadata and spec'],
  ['- a\n- b', '1:1 a document must be a mapping with apiVersion, kind, metadata and spec'],
  ['kind: MicroVM', '1:1 apiVersion is required: for MicroVM write moorage.dev/v1alpha1'],
  [
    'apiVersion: moorage.dev/v1alpha1',
    '1:1 kind is required: write one of MicroVM, MicroVMNetwork, MicroVMImage, MicroVMState, MicroVMVolume, MicroVMOperation, MicroVMRollout, MicroVMShare, MicroVMTenant, MicroVMHost, Secret',
  ],
  [
    'apiVersion: moorage.dev/v1alpha1\nkind: 5',
    '2:7 kind must be text: write one of MicroVM, MicroVMNetwork, MicroVMImage, MicroVMState, MicroVMVolume, MicroVMOperation, MicroVMRollout, MicroVMShare, MicroVMTenant, MicroVMHost, Secret',
  ],
  ['apiVersion: moorage.dev/v1alpha1\nkind: MicroVn', '2:7 kind MicroVn is not known here: did you mean MicroVM?'],
  [
    'apiVersion: apps/v1\nkind: Deployment',
    '2:7 kind Deployment is not known here: write one of MicroVM, MicroVMNetwork, MicroVMImage, MicroVMState, MicroVMVolume, MicroVMOperation, MicroVMRollout, MicroVMShare, MicroVMTenant, MicroVMHost, Secret',
  ],
  [
    'apiVersion: moorage.dev/v1\nkind: MicroVM',
    '1:13 apiVersion is not the one: for MicroVM write moorage.dev/v1alpha1',
  ],
  ['apiVersion: moorage.dev/v1alpha1\nkind: Secret', '1:13 apiVersion is not the one: for Secret write v1'],
  ['apiVersion: moorage.dev/v1alpha1\nkind: MicroVMState\nspec: { size: 1Gi }', '1:1 metadata is required'],
  ['apiVersion: moorage.dev/v1alpha1\nkind: MicroVMState\nmetadata: { name: a }', '1:1 spec is required'],
  [meta('{}'), '3:1 metadata.name is required'],
  [
    meta('{ name: Home_1 }'),
    '3:19 metadata.name must be a DNS label (a-z, 0-9 and "-", beginning and ending with a letter or digit), not "Home_1"',
  ],
  [
    meta(`{ name: ${'a'.repeat(64)} }`),
    '3:19 metadata.name must have at most 63 characters, not "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"',
  ],
  [
    meta('{ name: a, namespace: a/b }'),
    '3:33 metadata.namespace must be a DNS label (a-z, 0-9 and "-", beginning and ending with a letter or digit), not "a/b"',
  ],
  [
    meta('{ name: a, labels: { "a b": c } }'),
    '3:32 metadata.labels: the key "a b" must be a name such as app or example.org/app',
  ],
  [
    meta('{ name: a, labels: { a: -b } }'),
    '3:35 metadata.labels.a must begin and end with a letter or digit, with only letters, digits, "-", "_" and "." between, not "-b"',
  ],
  [meta('{ name: a, labels: { a: 1 } }'), '3:35 metadata.labels.a must be text in quotes, not 1'],
  [meta('{ name: a, label: { a: b } }'), '3:22 unknown field metadata.label: did you mean labels?'],
  [meta('{ name: a, annotations: text }'), '3:35 metadata.annotations must be a mapping, not "text"'],
  [
    network('subnet: 10.1.0.0/24').replace('slot1 }', 'slot1, namespace: x }'),
    '3:26 metadata.namespace must be left out: a MicroVMNetwork belongs to no namespace',
  ],
  [
    'apiVersion: v1\nkind: List\nitem: []',
    '1:1 items must be a list of objects\n3:1 unknown field item: did you mean items?',
  ],
  [
    'apiVersion: v1\nkind: List\nitems:\n- kind: MicroVM\n  apiVersion: moorage.dev/v1alpha1\n  metadata: {}\n  spec: {vcpu: 1, memory: 64Mi, image: {name: a}}',
    '6:3 metadata.name is required',
  ],
]

/** Fields of a MicroVM. */
export const VM_FAULTS: readonly BadInput[] = [
  [
    vm('credentials: { items: [{ name: a, source: { file: { path: a/../b } } }] }'),
    '8:61 spec.credentials.items[0].source.file.path must be an absolute path, beginning with "/"',
  ],
  [
    vm('interfaces:\n    - &a { name: a, network: { name: lan }, tap: a/b }\n    - *a'),
    '9:18 spec.interfaces[1].name must not repeat "a": an earlier entry has it\n' +
      '9:50 spec.interfaces[0].tap must be an interface name (letters, digits, "-", "_" and "."), not "a/b"\n' +
      '9:50 spec.interfaces[1].tap must be an interface name (letters, digits, "-", "_" and "."), not "a/b"',
  ],
  [
    vm(
      'interfaces: [{ name: a, network: { name: lan }, mac: 02:00:00:00:00:01 }, { name: b, network: { name: lan }, mac: 02:00:00:00:00:01 }]',
    ),
    '8:117 spec.interfaces[1].mac must not repeat "02:00:00:00:00:01": an earlier entry has it',
  ],
  [
    vm('').replace('memory', 'memroy'),
    '4:1 spec.memory is required\n6:3 unknown field spec.memroy: did you mean memory?',
  ],
  [
    vm('runStrategy: always'),
    '8:16 spec.runStrategy must be one of Always, RerunOnFailure, Once, Manual, Halted, not "always": did you mean Always?',
  ],
  [
    vm('runStrategy: Sometimes'),
    '8:16 spec.runStrategy must be one of Always, RerunOnFailure, Once, Manual, Halted, not "Sometimes"',
  ],
  [vm('restartToken: 1'), '8:17 spec.restartToken must be text in quotes, not 1'],
  [vm('').replace('vcpu: 1', 'vcpu: 0'), '5:9 spec.vcpu must be at least 1, not 0'],
  [vm('').replace('vcpu: 1', 'vcpu: two'), '5:9 spec.vcpu must be a whole number, not "two"'],
  [vm('').replace('vcpu: 1', 'vcpu: 1.5'), '5:9 spec.vcpu must be a whole number, not 1.5'],
  [vm('').replace('vcpu: 1', 'vcpu:'), '5:3 spec.vcpu is empty: give it a value or take the line out'],
  [vm('').replace('  vcpu: 1\n', ''), '4:1 spec.vcpu is required'],
  [
    vm('').replace('64Mi', '512'),
    '6:11 spec.memory must be at least 16Mi (a number without a unit counts bytes), not 512',
  ],
  [
    vm('').replace('64Mi', '64MB'),
    '6:11 spec.memory must be a quantity of whole bytes such as 512Mi or 64Gi, not "64MB"',
  ],
  [
    vm('').replace('64Mi', '100m'),
    '6:11 spec.memory must be a quantity of whole bytes such as 512Mi or 64Gi, not "100m"',
  ],
  [
    vm('').replace('64Mi', '-1Gi'),
    '6:11 spec.memory must be a quantity of whole bytes such as 512Mi or 64Gi, not "-1Gi"',
  ],
  [vm('').replace('64Mi', '1Ei'), '6:11 spec.memory must be at most 64Ti, not "1Ei"'],
  [
    vm('').replace('{ name: debian }', 'debian'),
    '7:10 spec.image must be a mapping such as { name: NAME }, not "debian"',
  ],
  [
    vm('').replace('{ name: debian }', '{ name: debian, namespace: a }'),
    '7:26 unknown field spec.image.namespace: known here: name',
  ],
  [vm('qemu: { machine: pc }'), '8:20 spec.qemu.machine must be one of q35, microvm, not "pc"'],
  [vm('qemu: { accelerator: kvm }'), '8:11 unknown field spec.qemu.accelerator: known here: machine, accel'],
  [vm('hypervisor: xen'), '8:15 spec.hypervisor must be one of qemu, cloud-hypervisor, firecracker, not "xen"'],
  [vm('disks: { name: a }'), '8:10 spec.disks must be a list, not a mapping'],
  [vm('disks: [{ name: a }]'), '8:11 spec.disks[0] must have exactly one of state, ephemeral'],
  [
    vm('disks: [{ name: a, state: { name: s }, ephemeral: { size: 1Gi } }]'),
    '8:11 spec.disks[0] must have exactly one of state, ephemeral',
  ],
  [
    vm('disks: [{ name: a, state: { name: s } }, { name: b, state: { name: s } }]'),
    '4:1 spec must not name one state in two disks',
  ],
  [
    vm('disks: [{ name: a, state: { name: s } }, { name: a, state: { name: t } }]'),
    '8:52 spec.disks[1].name must not repeat "a": an earlier entry has it',
  ],
  [
    vm('stateTemplates: [{ disk: a, spec: { size: 1Gi } }]'),
    '4:1 spec must have a disk with a state for each of stateTemplates',
  ],
  [vm('interfaces: [{ name: eth0 }]'), '8:16 spec.interfaces[0].network is required'],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, tap: vm-slot1-eth0-tap }]'),
    '8:59 spec.interfaces[0].tap must have at most 15 characters, not "vm-slot1-eth0-tap"',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, tap: a/b }]'),
    '8:59 spec.interfaces[0].tap must be an interface name (letters, digits, "-", "_" and "."), not "a/b"',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, tap: lo }]'),
    "8:59 spec.interfaces[0].tap must not be all, default, lo: these names are the kernel's",
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, mac: 01:00:5e:00:00:01 }]'),
    '8:59 spec.interfaces[0].mac must be a unicast MAC address such as 02:00:00:00:00:01, not "01:00:5e:00:00:01"',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, mac: 00:00:00:00:00:00 }]'),
    '8:59 spec.interfaces[0].mac must not be all zero',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, address: 10.1.0.256 }]'),
    '8:63 spec.interfaces[0].address must be an IPv4 address such as 10.1.0.2, not "10.1.0.256"',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, address: 10.1.0.2/24 }]'),
    '8:63 spec.interfaces[0].address must be an IPv4 address such as 10.1.0.2, not "10.1.0.2/24"',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, antiSpoof: "true" }]'),
    '8:65 spec.interfaces[0].antiSpoof must be true or false, not "true"',
  ],
  [
    vm('interfaces: [{ name: eth0, network: { name: lan }, ethertypes: [IPv6, IPv6] }]'),
    '8:73 spec.interfaces[0].ethertypes[1] must not repeat "IPv6"',
  ],
  [
    vm('interfaces:\n    - { name: eth0, network: { name: lan } }\n    - { name: eth0, network: { name: lan } }'),
    '10:15 spec.interfaces[1].name must not repeat "eth0": an earlier entry has it',
  ],
  [
    vm(
      'interfaces:\n    - { name: a, network: { name: lan }, tap: t0 }\n    - { name: b, network: { name: lan }, tap: t0 }',
    ),
    '10:47 spec.interfaces[1].tap must not repeat "t0": an earlier entry has it',
  ],
  [vm('interfaces:\n    - network: { name: lan }'), '9:7 spec.interfaces[0].name is required'],
  [vm('vsock: { cid: 2 }'), '8:17 spec.vsock.cid must be at least 3, not 2'],
  [
    vm('credentials: { items: [{ name: a, source: {} }] }'),
    '8:45 spec.credentials.items[0].source must have exactly one of file, secretKeyRef, value',
  ],
  [
    vm('credentials: { items: [{ name: a, source: { value: hunter2, file: { path: /a } } }] }'),
    '8:45 spec.credentials.items[0].source must have exactly one of file, secretKeyRef, value',
  ],
  [
    vm('credentials: { items: [{ name: "a=b", source: { value: hunter2 } }] }'),
    '8:34 spec.credentials.items[0].name must be a credential name (letters, digits, "_", "-", ".", "@", "+" and "~")',
  ],
  [
    vm('credentials: { items: [{ name: a, source: { value: 12345 } }] }'),
    '8:54 spec.credentials.items[0].source.value must be text in quotes',
  ],
  [
    vm('credentials: { items: [{ name: a, source: { file: { path: run/secret } } }] }'),
    '8:61 spec.credentials.items[0].source.file.path must be an absolute path, beginning with "/"',
  ],
  [
    vm('credentials: { items: [{ name: a, source: { file: { path: /run/../etc/shadow } } }] }'),
    '8:61 spec.credentials.items[0].source.file.path must not contain ".." as a folder',
  ],
  [
    vm('credentials: { items: [{ name: a, source: hunter2 }] }'),
    '8:45 spec.credentials.items[0].source must be a mapping',
  ],
  [
    vm('credentials: { items: [{ name: a, value: hunter2 }] }'),
    '8:26 spec.credentials.items[0].source is required\n8:37 unknown field spec.credentials.items[0].value: known here: name, source',
  ],
  [vm('oemStrings: ["a\\0b"]'), '8:16 spec.oemStrings[0] must not contain a NUL character'],
  [
    vm('guest: { hostname: web_1 }'),
    '8:22 spec.guest.hostname must be a host name such as slot1 or slot1.example.org, not "web_1"',
  ],
  [
    vm('guest: { authorizedKeys: ["a\\nb"] }'),
    '8:29 spec.guest.authorizedKeys[0] must be one line of text, not "a\\nb"',
  ],
  [
    vm('guest: { rootPasswordHashFrom: { secretKeyRef: { name: app } } }'),
    '8:36 spec.guest.rootPasswordHashFrom.secretKeyRef.key is required',
  ],
  [vm('hardening: { privateTmp: true }'), '8:16 unknown field spec.hardening.privateTmp: there are no fields here'],
  [vm('readiness: {}'), '8:14 spec.readiness must have exactly one of tcpSocket, httpGet, vsockNotify, console'],
  [
    vm('readiness: { tcpSocket: { port: 22 }, console: { contains: up } }'),
    '8:14 spec.readiness must have exactly one of tcpSocket, httpGet, vsockNotify, console',
  ],
  [
    vm('readiness: { tcpSocket: { port: 70000 } }'),
    '8:35 spec.readiness.tcpSocket.port must be at most 65535, not 70000',
  ],
  [vm('terminationGracePeriodSeconds: 3601'), '8:34 spec.terminationGracePeriodSeconds must be at most 3600, not 3601'],
  [
    vm('terminationGracePeriodSeconds: 30s'),
    '8:34 spec.terminationGracePeriodSeconds must be a whole number, not "30s"',
  ],
  [
    vm('tap: vm-slot1'),
    '8:3 unknown field spec.tap: known here: runStrategy, restartToken, placement, hypervisor, qemu, vcpu, memory, image, disks, stateTemplates, interfaces, vsock, shares, credentials, oemStrings, guest, hardening, readiness, terminationGracePeriodSeconds',
  ],
]

/** Fields of the other kinds. */
export const OTHER_FAULTS: readonly BadInput[] = [
  [network('nat: true'), '4:1 spec.subnet is required'],
  [
    network('subnet: 10.1.0.0'),
    '5:11 spec.subnet must be an IPv4 subnet such as 10.1.0.0/24, /8 to /30, not "10.1.0.0"',
  ],
  [network('subnet: 10.1.0.1/24'), '5:11 spec.subnet must not have host bits set: did you mean 10.1.0.0/24?'],
  [
    network('subnet: 10.0.0.0/7'),
    '5:11 spec.subnet must be an IPv4 subnet such as 10.1.0.0/24, /8 to /30, not "10.0.0.0/7"',
  ],
  [
    network('subnet: 10.1.0.0/31'),
    '5:11 spec.subnet must be an IPv4 subnet such as 10.1.0.0/24, /8 to /30, not "10.1.0.0/31"',
  ],
  [network('subnet: 169.254.0.0/16'), '5:11 spec.subnet must not be loopback, link-local, multicast or reserved'],
  [
    network('{ subnet: 10.1.0.0/24, gateway: 10.2.0.1 }'),
    '5:35 spec.gateway must be an address of a host in the subnet 10.1.0.0/24, not "10.2.0.1"',
  ],
  [
    network('{ subnet: 10.1.0.0/24, gateway: 10.1.0.255 }'),
    '5:35 spec.gateway must be an address of a host in the subnet 10.1.0.0/24, not "10.1.0.255"',
  ],
  [
    network('{ subnet: 10.1.0.0/24, bridge: br-a-very-long-name }'),
    '5:34 spec.bridge must have at most 15 characters, not "br-a-very-long-name"',
  ],
  [network('{ subnet: 10.1.0.0/24, mtu: 100 }'), '5:31 spec.mtu must be at least 576, not 100'],
  [
    network('{ subnet: 10.1.0.0/24, isolation: { host: DHCP } }'),
    '5:45 spec.isolation.host must be one of DHCPAndDNS, Allow, Deny, not "DHCP"',
  ],
  [image('{}'), '6:11 spec.source must have hostPath'],
  [
    image('{ oci: debian }'),
    '6:11 spec.source must have hostPath\n6:13 unknown field spec.source.oci: known here: hostPath',
  ],
  [image('{ hostPath: {} }'), '6:13 spec.source.hostPath.kernel is required'],
  [
    image('{ hostPath: { kernel: { path: vmlinuz } } }'),
    '6:41 spec.source.hostPath.kernel.path must be an absolute path, beginning with "/", not "vmlinuz"',
  ],
  [
    image('{ hostPath: { kernel: { path: /k, sha256: ABC } } }'),
    '6:53 spec.source.hostPath.kernel.sha256 must be a SHA-256 in 64 lower-case hex digits, not "ABC"',
  ],
  [
    image('{ hostPath: { kernel: { path: /k }, root: { path: /r } } }'),
    '6:47 spec.source.hostPath.root.format is required',
  ],
  [
    image('{ hostPath: { kernel: { path: /k }, root: { path: /r, format: qcow2 } } }'),
    '6:73 spec.source.hostPath.root.format must be raw, not "qcow2"',
  ],
  [
    image('{ hostPath: { kernel: { path: /k } } }\n  cmdline: "a\\nb"'),
    '7:12 spec.cmdline must be one line of printable ASCII, not "a\\nb"',
  ],
  [state('{ fsType: ext4 }'), '4:1 spec.size is required'],
  [state('{ size: 64GB }'), '4:15 spec.size must be a quantity of whole bytes such as 512Mi or 64Gi, not "64GB"'],
  [
    state('{ size: 1Gi, fsType: zfs }'),
    '4:28 spec.fsType must be one of ext4, xfs, btrfs, none, not "zfs": did you mean xfs?',
  ],
  [
    state('{ size: 1Gi, fsType: none, label: state }'),
    '4:7 spec must not have a label when fsType is none: an empty disk has nowhere to keep it',
  ],
  [
    state('{ size: 1Gi, fsType: xfs, label: a-label-too-long }'),
    '4:7 spec must have a label of at most 12 characters when fsType is xfs',
  ],
  [
    state('{ size: 1Gi, deletionPolicy: retain }'),
    '4:36 spec.deletionPolicy must be one of Retain, Delete, not "retain": did you mean Retain?',
  ],
  [
    operation('{ type: Reboot, microVM: { name: a }, ttlSeconds: 60 }'),
    '4:15 spec.type must be one of Start, Stop, Restart, not "Reboot"',
  ],
  [operation('{ type: Stop, microVM: { name: a } }'), '4:1 spec.ttlSeconds is required'],
  [secret('data: { password: hunter2! }'), '4:19 data.password must be base64 (plain text belongs under stringData)'],
  [secret('data: { "hunter2 word": aGk= }'), '4:9 data: a key must be a name of letters, digits, "-", "_" and "."'],
  [secret('stringData: { password: 12345 }'), '4:25 stringData.password must be text in quotes'],
  [secret('data: { password: abc }'), '4:19 data.password must be base64 (plain text belongs under stringData)'],
  [secret('stringData: hunter2'), '4:13 stringData must be a mapping'],
  [secret('stringdata: { password: hunter2 }'), '4:1 unknown field stringdata: did you mean stringData?'],
  [secret('immutable: "yes"'), '4:12 immutable must be true or false'],
  [
    secret(`stringData: { a: &a ${'x'.repeat(600_000)}, b: *a }`),
    '1:1 the document must hold at most 1 MiB in data and stringData together',
  ],
]
