/**
 * What is valid and cannot be carried out: it is told in these words, and what runs runs on. By field; `says` is the
 * reason and the message of the condition Stalled.
 */
export const held: readonly { readonly field: RegExp; readonly says: RegExp }[] = [
  { field: /^MicroVM\.spec\.(shares|vsock)/, says: /^Refused: (shares are|vsock is) not supported yet/ },
  { field: /^MicroVM\.spec\.readiness/, says: /^Refused: readiness\.vsockNotify is not supported yet/ },
  { field: /^MicroVM\.spec\.hypervisor/, says: /^Refused: hypervisor .* is not supported yet/ },
  { field: /^MicroVM\.spec\.placement/, says: /^Refused: placement\./ },
  { field: /^MicroVM\.spec\.qemu\.accel/, says: /^Refused: qemu\.accel is kvm, and KVM does not work here/ },
  { field: /^MicroVM\.spec\.oemStrings/, says: /^Refused: oemStrings\[0\] is empty/ },
  { field: /^MicroVM\.spec\.credentials\.items\[\]\.name/, says: /^Refused: credential .* has a name of/ },
  { field: /^MicroVM\.spec\.image\.name/, says: /^Refused: MicroVMImage missing is not there/ },
  { field: /^MicroVM\.(metadata\.namespace|spec\.disks)/, says: /^Refused: disk data is MicroVMState .* not there/ },
  {
    field: /^MicroVM\.spec\.interfaces\[\]\.network/,
    says: /^Refused: interface eth0 is on MicroVMNetwork .* not there/,
  },
  {
    field: /^MicroVM\.spec\.interfaces\[\]\.address/,
    says: /^Refused: address .* is (not one of a host in|the gateway)/,
  },
  {
    field: /^MicroVM\.spec\.interfaces\[\]\.(tap|mac)$/,
    says: /^Conflict: (interface name|MAC) \S+ belongs to MicroVM(Network n1| default\/b); choose another one/,
  },
  {
    field: /^MicroVM\.spec\.interfaces\[\]\.address$/,
    says: /^Refused: address 10\.1\.0\.3 was given to MicroVM default\/b; choose another one/,
  },
  { field: /^MicroVM\.spec\.(credentials|guest)/, says: /^Blocked: (Secret|\/)/ },
  { field: /^MicroVM(State\.spec|\.spec\.stateTemplates\[\]\.spec)/, says: /^ResizePending: volume/ },
  { field: /^MicroVM(State\.spec|\.spec\.stateTemplates\[\]\.spec)/, says: /^VolumeMissing: volume missing/ },
  { field: /^MicroVMState\.spec/, says: /^FileSystemKept: volume data-\w+ was made with fsType ext4, no label and/ },
  { field: /^MicroVMState\.metadata/, says: /^VolumeReleased: volume data-\w+ holds the data of an earlier state/ },
  { field: /^MicroVMState\.metadata/, says: /^Refused: disk data is MicroVMState default\/data, which is not there/ },
  { field: /^MicroVMNetwork\.metadata/, says: /^(Conflict: subnet .* overlaps|Refused: interface eth0 is on)/ },
  {
    field: /^MicroVMNetwork\.spec\.(subnet|bridge)/,
    says: /^(Conflict: |Refused: no address is free|Refused: interface)/,
  },
  { field: /^MicroVMImage\.metadata/, says: /^Refused: MicroVMImage small is not there/ },
  { field: /^MicroVMImage\.spec\.architecture/, says: /^Refused: the image is for arm64/ },
  { field: /^MicroVMImage\.spec\.source/, says: /^(Blocked: MicroVMImage small|Unusable): / },
  { field: /^Secret\.(metadata|stringData|data)/, says: /^Blocked: Secret default\/token/ },
]

/** Where a host that was changed is not like a fresh one, by policy. `part` is matched against what differs. */
export const differences: readonly { readonly field: RegExp; readonly part: RegExp; readonly why: string }[] = [
  {
    field: /^MicroVM\.(metadata|spec)|^MicroVMState\.metadata/,
    part: /^(volumes|files): fresh \[\], here \["\/var\/lib\/moorage\/(volumes|status|objects)\//,
    why: 'no edit deletes data: volumes, and states that templates made, outlive what they were made for',
  },
  {
    field: /^MicroVM\.(metadata|spec)|^MicroVMState\.metadata/,
    part: /^statuses: fresh \[("MicroVMState[^\]]*"Pending|\], here \["MicroVMState)/,
    why: 'as above: a state that was in use once has its volume',
  },
  {
    field: /^MicroVM\.spec\.runStrategy$/,
    part: /^(vmms|volumes|files|statuses|records|links): /,
    why: 'what runs when it becomes Manual runs on; one that is Halted was given its volumes before',
  },
  {
    field: /^MicroVM\.spec\.stateTemplates/,
    part: /^(vmms|volumes|files|statuses|records|links|rules): /,
    why: 'a template creates an absent state, and only that: a state that is there stays as it is, without it as well',
  },
  {
    field: /^MicroVM\.spec\.readiness/,
    part: /^files: fresh \[\], here \["\/run\/moorage\/vms\/ID\/ready"\]$/,
    why: 'the mark of the last probe lies in the folder of the VMM until that ends; it says what was asked',
  },
  {
    field: /^MicroVM\.spec\.terminationGracePeriodSeconds$/,
    part: /^records: .*graceSeconds/,
    why: 'a VM is stopped by what it was started with: a new grace counts from its next start',
  },
  {
    field: /^MicroVMOperation\./,
    part: /^(vmms|files|statuses|records): /,
    why: 'an operation acts once; what it did stays done when it is changed or taken away',
  },
]

/** Valid, and never Ready: by field, with what is told then. */
export const unready: readonly { readonly field: RegExp; readonly says: RegExp; readonly why: string }[] = [
  {
    field: /^MicroVM\.spec\.interfaces$/,
    says: /"actions":\[\],"waits":\[\].*MicroVM\/default\/a: NotReady: the guest does not answer its readiness probe"\]/,
    why: 'a probe by TCP reaches no guest without an interface',
  },
  {
    field: /^MicroVM\.spec\.stateTemplates/,
    says: /"actions":\[\],"waits":\[\].*MicroVM\/default\/a: NotReady: no VMM runs.*VolumeMissing/,
    why: 'its state waits for a volume that is not there, and says so',
  },
]
