/*
 * The bare reference of the benchmark: what any controller has to have done on the host, and nothing else. No YAML, no
 * look at what is there, no record, no second thought.
 *
 *   bare init PROGRAM [ARGUMENT...]           process 1 of a PID namespace: runs a program, reaps what is left behind
 *   bare start LINKS RULES FLIGHT (UID DIR)...   `ip -batch LINKS` beside `nft -f RULES` ('-' for neither), then a VMM for
 *                                             each DIR/argv, FLIGHT at a time, until each answers on QMP
 *   bare stop GROUP (PID DIR)...              QMP quit to each, waits until they are gone, deletes the links of a group
 *   bare read TIMES (PROGRAM ARGUMENT... --)... [PID...]   runs the programs, takes their output in, reads /proc/PID/stat
 *
 * Each prints one line of JSON with milliseconds. Linux 5.3 or newer (pidfd_open).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Seconds after which a reference counts as hung. */
enum { DEADLINE = 300 };

static void die(const char *format, ...) {
  va_list words;
  va_start(words, format);
  fputs("bare: ", stderr);
  vfprintf(stderr, format, words);
  va_end(words);
  fprintf(stderr, errno ? ": %s\n" : "\n", strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Of this process and the children it has waited for, milliseconds. */
static double cpu(void) {
  double sum = 0;
  for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
    struct rusage used;
    getrusage(who, &used);
    sum += (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
  }
  return sum;
}

static void expect_success(pid_t pid, const char *what) {
  int status;
  if (waitpid(pid, &status, 0) < 0) die("%s", what);
  errno = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("%s failed", what);
}

static pid_t tool(char *const argv[]) {
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0) return pid;
  execvp(argv[0], argv);
  die("%s", argv[0]);
  return 0;
}

/* --- VMMs --------------------------------------------------------------------------------------------------------- */

enum state { WAITING, GREETING, ANSWER, DONE };

struct vm {
  const char *directory;
  uid_t user;
  char **argv;
  /* Where it expects its inherited sockets, as its argv says; the life socket is the one behind. */
  int qmp_fd, console_fd, life_fd;
  pid_t pid;
  int connection;
  enum state state;
  char said[8192];
  size_t length;
};

static int fd_in(char **argv, const char *words) {
  for (; *argv; argv++) {
    char *at = strstr(*argv, words);
    if (at) return atoi(at + strlen(words));
  }
  errno = 0;
  die("no %s in argv", words);
  return -1;
}

/* DIR/argv holds the arguments, each ended by a NUL, as /proc/PID/cmdline does. */
static void load(struct vm *vm) {
  char path[256];
  snprintf(path, sizeof path, "%s/argv", vm->directory);
  int file = open(path, O_RDONLY);
  struct stat about;
  if (file < 0 || fstat(file, &about) < 0) die("%s", path);
  char *text = malloc(about.st_size + 1);
  if (read(file, text, about.st_size) != about.st_size) die("%s", path);
  text[about.st_size] = 0;
  close(file);
  size_t count = 0;
  for (long i = 0; i < about.st_size; i++) count += text[i] == 0;
  vm->argv = calloc(count + 1, sizeof(char *));
  char *at = text;
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1) vm->argv[i] = at;
  vm->qmp_fd = fd_in(vm->argv, "id=qmp,fd=");
  vm->console_fd = fd_in(vm->argv, "id=console,fd=");
  vm->life_fd = (vm->qmp_fd > vm->console_fd ? vm->qmp_fd : vm->console_fd) + 1;
}

static struct sockaddr_un address_of(const struct vm *vm, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", vm->directory, name);
  errno = ENAMETOOLONG;
  if (length >= sizeof address.sun_path) die("%s", vm->directory);
  return address;
}

static int listen_at(const struct vm *vm, const char *name) {
  struct sockaddr_un address = address_of(vm, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(address.sun_path);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0) die("%s", address.sun_path);
  return fd;
}

static int connect_to(const struct vm *vm, const char *name) {
  struct sockaddr_un address = address_of(vm, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("%s", address.sun_path);
  return fd;
}

/* Out of the way of the numbers that are to be taken. */
static int lift(int fd) { return fcntl(fd, F_DUPFD, 64); }

static void become_vmm(const struct vm *vm, int qmp, int console, int life) {
  char log[256];
  snprintf(log, sizeof log, "%s/vmm.log", vm->directory);
  int output = lift(open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  int nothing = lift(open("/dev/null", O_RDONLY));
  qmp = lift(qmp), console = lift(console), life = lift(life);
  dup2(nothing, 0), dup2(output, 1), dup2(output, 2);
  dup2(qmp, vm->qmp_fd), dup2(console, vm->console_fd), dup2(life, vm->life_fd);
  close(nothing), close(output), close(qmp), close(console), close(life);
  umask(077);
  setsid();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (setgroups(0, NULL) || setresgid(vm->user, vm->user, vm->user) || setresuid(vm->user, vm->user, vm->user)) _exit(125);
  char *none[] = {NULL};
  execve(vm->argv[0], vm->argv, none);
  _exit(126);
}

static void launch(struct vm *vm) {
  int qmp = listen_at(vm, "qmp.sock"), console = listen_at(vm, "console.sock"), life = listen_at(vm, "life.sock");
  /* It waits in the queue until the VMM accepts. */
  vm->connection = connect_to(vm, "qmp.sock");
  vm->pid = fork();
  if (vm->pid < 0) die("fork");
  if (vm->pid == 0) become_vmm(vm, qmp, console, life);
  close(qmp), close(console), close(life);
  vm->state = GREETING;
}

static void say(const struct vm *vm, const char *line) {
  if (write(vm->connection, line, strlen(line)) != (ssize_t)strlen(line)) die("%s/qmp.sock", vm->directory);
}

static void hear(struct vm *vm) {
  ssize_t got = read(vm->connection, vm->said + vm->length, sizeof vm->said - 1 - vm->length);
  if (got <= 0) die("%s: its VMM ended, see vmm.log there", vm->directory);
  vm->length += got;
  vm->said[vm->length] = 0;
  if (vm->state == GREETING && strstr(vm->said, "\"QMP\"") && strchr(vm->said, '\n')) {
    vm->state = ANSWER;
    vm->length = 0;
    say(vm, "{\"execute\":\"qmp_capabilities\"}\n");
  } else if (vm->state == ANSWER && strstr(vm->said, "\"return\"")) {
    vm->state = DONE;
    close(vm->connection);
  }
}

static int start(int argc, char **argv) {
  char *links = argv[0], *rules = argv[1];
  int flight = atoi(argv[2]), count = (argc - 3) / 2;
  struct vm *vms = calloc(count + 1, sizeof *vms);
  for (int i = 0; i < count; i++) {
    vms[i].user = atol(argv[3 + 2 * i]);
    vms[i].directory = argv[4 + 2 * i];
    load(&vms[i]);
  }
  double from = now();
  if (strcmp(links, "-") != 0) {
    pid_t ip = tool((char *[]){"ip", "-batch", links, NULL});
    pid_t nft = tool((char *[]){"nft", "-f", rules, NULL});
    expect_success(ip, "ip -batch");
    expect_success(nft, "nft -f");
  }
  double network = now() - from;
  struct pollfd *polls = calloc(flight, sizeof *polls);
  struct vm **polled = calloc(flight, sizeof *polled);
  for (int next = 0, done = 0; done < count;) {
    int open = 0;
    for (int i = 0; i < next; i++) {
      if (vms[i].state != DONE) polled[open++] = &vms[i];
    }
    for (; open < flight && next < count; next++) {
      launch(&vms[next]);
      polled[open++] = &vms[next];
    }
    for (int i = 0; i < open; i++) polls[i] = (struct pollfd){.fd = polled[i]->connection, .events = POLLIN};
    if (poll(polls, open, -1) < 0) die("poll");
    for (int i = 0; i < open; i++) {
      if (polls[i].revents == 0) continue;
      hear(polled[i]);
      done += polled[i]->state == DONE;
    }
  }
  printf("{\"ms\":%.3f,\"network\":%.3f,\"cpu\":%.3f,\"pids\":[", now() - from, network, cpu());
  for (int i = 0; i < count; i++) printf("%s%d", i ? "," : "", vms[i].pid);
  puts("]}");
  return 0;
}

static int stop(int argc, char **argv) {
  int count = (argc - 1) / 2;
  struct pollfd *polls = calloc(count + 1, sizeof *polls);
  double from = now();
  for (int i = 0; i < count; i++) {
    struct vm vm = {.directory = argv[2 + 2 * i]};
    int pidfd = syscall(SYS_pidfd_open, atoi(argv[1 + 2 * i]), 0);
    if (pidfd < 0) die("process %s", argv[1 + 2 * i]);
    polls[i] = (struct pollfd){.fd = pidfd, .events = POLLIN};
    vm.connection = connect_to(&vm, "qmp.sock");
    /* Not closed: QEMU drops what it did not read yet when its client leaves. */
    say(&vm, "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n");
  }
  for (int left = count; left > 0;) {
    if (poll(polls, count, -1) < 0) die("poll");
    for (int i = 0; i < count; i++) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      polls[i].fd = -1;
      left--;
    }
  }
  double quit = now() - from;
  expect_success(tool((char *[]){"ip", "link", "del", "group", argv[0], NULL}), "ip link del group");
  printf("{\"ms\":%.3f,\"quit\":%.3f}\n", now() - from, quit);
  return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* The first argument behind a program's own; the program ends at "--". */
static char **take_in(char **argv) {
  static char buffer[1 << 16];
  char **end = argv;
  while (*end && strcmp(*end, "--") != 0) end++;
  errno = 0;
  if (!*end) die("a program's arguments end with --");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) die("pipe");
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    *end = NULL;
    dup2(ends[1], 1);
    execvp(argv[0], argv);
    _exit(127);
  }
  close(ends[1]);
  while (read(ends[0], buffer, sizeof buffer) > 0) continue;
  close(ends[0]);
  expect_success(pid, argv[0]);
  return end + 1;
}

static void read_stat(const char *pid) {
  static char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  int file = open(path, O_RDONLY);
  if (file < 0 || read(file, text, sizeof text) <= 0) die("%s", path);
  close(file);
}

static int read_all(char **argv) {
  int times = atoi(*argv++);
  printf("[");
  for (int i = 0; i < times; i++) {
    double from = now(), before = cpu();
    char **at = argv;
    while (*at && !isdigit((*at)[0])) at = take_in(at);
    for (; *at; at++) read_stat(*at);
    printf("%s{\"cpu\":%.3f,\"ms\":%.3f}", i ? "," : "", cpu() - before, now() - from);
  }
  puts("]");
  return 0;
}

/* --- process 1 ---------------------------------------------------------------------------------------------------- */

static pid_t only_child;

/* Process 1 gets no signal that it has no handler for. A terminal's Ctrl-C reaches the program by itself. */
static void pass_on(int signal) {
  if (signal != SIGINT) kill(only_child, signal);
}

static int init(char **argv) {
  only_child = tool(argv);
  for (const int *each = (const int[]){SIGINT, SIGTERM, SIGHUP, 0}; *each; each++) signal(*each, pass_on);
  for (int status;;) {
    pid_t pid = wait(&status);
    if (pid == only_child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (pid < 0 && errno != EINTR) die("wait");
  }
}

int main(int argc, char **argv) {
  const char *verb = argc > 2 ? argv[1] : "";
  if (strcmp(verb, "init") == 0) return init(argv + 2);
  alarm(DEADLINE);
  if (strcmp(verb, "start") == 0 && argc >= 5) return start(argc - 2, argv + 2);
  if (strcmp(verb, "stop") == 0) return stop(argc - 2, argv + 2);
  if (strcmp(verb, "read") == 0) return read_all(argv + 2);
  errno = 0;
  die("init, start, stop or read, each with arguments; see the head of bare.c");
}
