#!/bin/busybox sh
# PID 1 of the small guest (see stage-guest.ts): network, a web page, the power button and a shell on the serial line,
# without systemd, so that a test waits two seconds for it instead of ten.
#
# Kernel command line:
#   systemd.hostname=NAME, ip=ADDR::GW:MASK:NAME:eth0:off   as Moorage writes them
#   small.deaf                       takes no notice of the power button
#   small.once=SECONDS               powers itself off after that time
#   small.crash=SECONDS              panics after that time
export PATH=/bin
/bin/busybox --install -s /bin
say() { echo "small-guest: $*" > /dev/console; }

mkdir -p /dev /proc /sys /run /state /www
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module" 2> /dev/null; done < /modules/order

# configure ADDR "" GW MASK NAME DEVICE METHOD
configure() {
  ip link set dev "$6" up
  ip addr add "$1/$4" dev "$6"
  [ -z "$3" ] || ip route add default via "$3"
}

ip link set dev lo up
deaf='' once='' crash=''
for word in $(cat /proc/cmdline); do
  case $word in
    systemd.hostname=*) hostname "${word#*=}" ;;
    ip=*) words=${word#ip=}; (IFS=:; set -f; set -- $words; configure "$@") ;;
    small.deaf) deaf=1 ;;
    small.once=*) once=${word#*=} ;;
    small.crash=*) crash=${word#*=} ;;
  esac
done
disk=$(findfs LABEL=state 2> /dev/null) && mount -t ext4 "$disk" /state
hostname > /www/index.html
httpd -p 80 -h /www

power_off() {
  say "$1"
  umount /state 2> /dev/null
  poweroff -f
}
[ -n "$deaf" ] || for keys in /dev/input/event*; do
  # One input event is 24 bytes (linux/input.h); nobody presses anything but the power button.
  { [ "$(head -c 24 "$keys" | wc -c)" != 24 ] || power_off 'the power button was pressed'; } &
done
[ -z "$once" ] || { sleep "$once"; power_off 'done'; } &
[ -z "$crash" ] || { sleep "$crash"; say 'crashing'; echo c > /proc/sysrq-trigger; } &
say "up $(hostname)"
stty -F /dev/ttyS0 -echo
# Not a terminal for the shell's output, so that it prompts nobody.
while :; do setsid -c sh < /dev/ttyS0 2>&1 | cat > /dev/ttyS0; done
