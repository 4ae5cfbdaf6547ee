# Raw frames, small servers and probes for the network tests: perl is on every Debian, and Node has no raw sockets.
use strict; use warnings; use Socket; use IO::Select; use IO::Socket::INET;
$| = 1;
my ($verb, @arguments) = @ARGV;

sub packet_socket {
  my ($index) = @_;
  socket(my $socket, 17, 3, unpack('S', pack('n', 3))) or die "packet socket: $!";
  bind($socket, pack('S n i S C C a8', 17, 3, $index, 0, 0, 0, '')) or die "bind: $!";
  return $socket;
}

# send INDEX HEX...: frames, in order
if ($verb eq 'send') {
  my $socket = packet_socket(shift @arguments);
  for (@arguments) { defined send($socket, pack('H*', $_), 0) or die "send: $!" }
}

# tap NAME HEX...: the same through a TAP, as a VMM does: TUNSETIFF with IFF_TAP and IFF_NO_PI
elsif ($verb eq 'tap') {
  my $name = shift @arguments;
  open(my $tun, '+<', '/dev/net/tun') or die "tun: $!";
  ioctl($tun, 0x400454ca, pack('a16 S x22', $name, 0x1002)) or die "tap: $!";
  for (1 .. 100) { # until the bridge has seen its carrier
    open(my $state, '<', "/sys/class/net/$name/operstate") or die "state: $!";
    last if <$state> =~ /up/;
    select(undef, undef, undef, 0.02);
  }
  for (@arguments) { defined syswrite($tun, pack('H*', $_)) or die "write: $!" }
}

# sniff INDEX UNTIL: a line of hex for each frame that arrives, until one holds the text UNTIL, or 5 seconds
elsif ($verb eq 'sniff') {
  my $socket = packet_socket($arguments[0]);
  print "ready\n";
  $SIG{ALRM} = sub { exit 3 };
  alarm 5;
  while (defined(my $from = recv($socket, my $frame, 65536, 0))) {
    next if unpack('x10 C', $from) == 4; # our own
    print unpack('H*', $frame), "\n";
    exit 0 if index($frame, $arguments[1]) >= 0;
  }
}

# serve tcp:22 udp:53 ...: greets whoever connects and whatever arrives
elsif ($verb eq 'serve') {
  my $select = IO::Select->new;
  for (@arguments) {
    my ($protocol, $port) = split /:/;
    my @listen = $protocol eq 'tcp' ? (Listen => 8, ReuseAddr => 1) : ();
    $select->add(IO::Socket::INET->new(Proto => $protocol, LocalPort => $port, @listen) or die "$_: $!");
  }
  print "ready\n";
  while (my @ready = $select->can_read) {
    for my $socket (@ready) {
      if ($socket->socktype == SOCK_STREAM) { my $client = $socket->accept; $client->syswrite('hello') if $client }
      elsif (defined(my $from = recv($socket, my $datagram, 2048, 0))) { send($socket, "hello $datagram", 0, $from) }
    }
  }
}

# probe SECONDS tcp:ADDRESS:PORT | udp:ADDRESS:PORT | icmp:ADDRESS: prints open (with who asked, where told) or silent
elsif ($verb eq 'probe') {
  my ($seconds, $target) = @arguments;
  my ($protocol, $address, $port) = split /:/, $target;
  $SIG{ALRM} = sub { print "silent\n"; exit 0 };
  alarm $seconds;
  if ($protocol eq 'icmp') {
    socket(my $socket, AF_INET, SOCK_RAW, 1) or die "icmp: $!";
    my $echo = pack('C C n n n a8', 8, 0, 0, $$ & 0xffff, 1, 'moorage!');
    my $sum = unpack('%32n*', $echo); $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    substr($echo, 2, 2) = pack('n', ~$sum & 0xffff);
    unless (send($socket, $echo, 0, sockaddr_in(0, inet_aton($address)))) { print "silent\n"; exit 0 }
    while (defined recv($socket, my $reply, 2048, 0)) {
      my ($type, $id) = unpack('x20 C x3 n', $reply);
      if ($type == 0 && $id == ($$ & 0xffff)) { print "open\n"; exit 0 }
    }
  }
  if ($protocol eq 'udp') { # not connected: a server with several addresses may answer from another
    my $socket = IO::Socket::INET->new(Proto => 'udp') or die "udp: $!";
    setsockopt($socket, 0, 11, 1); # IP_RECVERR
    send($socket, 'anybody?', 0, sockaddr_in($port, inet_aton($address)));
    print defined recv($socket, my $reply, 2048, 0) ? "open\n" : $!{ECONNREFUSED} ? "refused\n" : "silent\n";
    exit 0;
  }
  my $socket = IO::Socket::INET->new(Proto => 'tcp', PeerAddr => $address, PeerPort => $port);
  unless ($socket) { print $!{ECONNREFUSED} ? "refused\n" : "silent\n"; exit 0 }
  print defined recv($socket, my $reply, 2048, 0) ? "open\n" : "silent\n";
}

else { die "no such verb: $verb" }
