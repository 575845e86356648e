/*
 * Client and server ends for measuring opaque TCP: light enough not to be the bottleneck. One
 * thread, epoll. Clients print one line of JSON; servers print `port N` and run until killed.
 *
 *   exchange echo                              server: sends back what it gets
 *   exchange sink                              server: reads to the end, answers the count (8 bytes)
 *   exchange ping PORT CONNECTIONS BYTES SECS  request/response over kept connections
 *   exchange bulk PORT CHUNK SECS              one stream of large writes to a sink
 *   exchange connect PORT SECS                 connect and close, one after the other
 *   exchange idle PORT CONNECTIONS             one HTTP request on each, then silent until EOF on stdin
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 256
#define MAX_SAMPLES (1 << 22)
#define BUFFER_BYTES (256 * 1024)

static char buffer[BUFFER_BYTES];

static void fail(const char* what) {
  fprintf(stderr, "exchange: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int dial(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  struct sockaddr_in address = loopback(port);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("connect");
  no_delay(fd);
  return fd;
}

static int listen_anywhere(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("bind");
  if (listen(fd, SOMAXCONN) != 0) fail("listen");
  if (getsockname(fd, (struct sockaddr*)&address, &length) != 0) fail("getsockname");
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void write_all(int fd, const char* data, size_t length) {
  while (length > 0) {
    ssize_t sent = write(fd, data, length);
    if (sent <= 0) fail("write");
    data += sent;
    length -= (size_t)sent;
  }
}

/* Every connection may hold a descriptor at each end. */
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int compare_samples(const void* a, const void* b) {
  uint32_t left = *(const uint32_t*)a, right = *(const uint32_t*)b;
  return (left > right) - (left < right);
}

static void print_samples(uint32_t* samples, size_t count, uint64_t total, double seconds) {
  qsort(samples, count, sizeof *samples, compare_samples);
  printf("{\"count\": %llu, \"seconds\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
         (unsigned long long)total, seconds, count == 0 ? 0.0 : samples[count / 2] / 1e3,
         count == 0 ? 0.0 : samples[count * 99 / 100] / 1e3);
}

/* ---------------------------------------------------------------- servers */

/* The echo server reads whole requests into one buffer and answers at once: its peers never have
 * more in flight than a socket buffer holds. */
static void serve_echo(void) {
  int listener = listen_anywhere();
  int poll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int ready = epoll_wait(poll, events, MAX_EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) continue;
        no_delay(client);
        event.data.fd = client;
        epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      ssize_t got = read(fd, buffer, sizeof buffer);
      if (got <= 0) {
        close(fd);
        continue;
      }
      for (ssize_t done = 0; done < got;) {
        ssize_t sent = send(fd, buffer + done, (size_t)(got - done), MSG_NOSIGNAL);
        if (sent <= 0) break;
        done += sent;
      }
    }
  }
}

static void serve_sink(void) {
  int listener = listen_anywhere();
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) continue;
    uint64_t total = 0;
    ssize_t got;
    while ((got = read(client, buffer, sizeof buffer)) > 0) total += (uint64_t)got;
    if (send(client, &total, sizeof total, MSG_NOSIGNAL) < 0) perror("exchange: sink");
    close(client);
  }
}

/* ---------------------------------------------------------------- clients */

struct pinger {
  int fd;
  size_t received;
  uint64_t sent_at;
};

static void run_ping(int port, int connections, size_t bytes, double seconds) {
  if (bytes > sizeof buffer || connections < 1) fail("arguments");
  uint32_t* samples = malloc(sizeof *samples * MAX_SAMPLES);
  struct pinger* pingers = calloc((size_t)connections, sizeof *pingers);
  if (samples == NULL || pingers == NULL) fail("memory");
  char* request = malloc(bytes);
  if (request == NULL) fail("memory");
  memset(request, 'x', bytes);

  int poll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < connections; i++) {
    pingers[i].fd = dial(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &pingers[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, pingers[i].fd, &event);
  }
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), now = start, total = 0;
  size_t kept = 0;
  for (int i = 0; i < connections; i++) {
    pingers[i].sent_at = now_ns();
    write_all(pingers[i].fd, request, bytes);
  }
  struct epoll_event events[MAX_EVENTS];
  while (now < end) {
    int ready = epoll_wait(poll, events, MAX_EVENTS, 1000);
    if (ready <= 0) {
      errno = ETIMEDOUT;
      fail("waiting for answers");
    }
    for (int i = 0; i < ready; i++) {
      struct pinger* pinger = events[i].data.ptr;
      ssize_t got = read(pinger->fd, buffer, sizeof buffer);
      if (got <= 0) fail("read");
      pinger->received += (size_t)got;
      if (pinger->received < bytes) continue;
      now = now_ns();
      if (kept < MAX_SAMPLES) samples[kept++] = (uint32_t)(now - pinger->sent_at);
      total++;
      pinger->received = 0;
      pinger->sent_at = now;
      write_all(pinger->fd, request, bytes);
    }
  }
  /* Leaving with answers unread would be a reset. */
  for (int i = 0; i < connections; i++) {
    shutdown(pingers[i].fd, SHUT_WR);
    while (read(pingers[i].fd, buffer, sizeof buffer) > 0) continue;
  }
  print_samples(samples, kept, total, (double)(now - start) / 1e9);
}

static void run_bulk(int port, size_t chunk, double seconds) {
  if (chunk > sizeof buffer) fail("arguments");
  int fd = dial(port);
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), sent = 0, received = 0;
  while (now_ns() < end) {
    write_all(fd, buffer, chunk);
    sent += chunk;
  }
  shutdown(fd, SHUT_WR);
  if (recv(fd, &received, sizeof received, MSG_WAITALL) != sizeof received) fail("read");
  if (received != sent) {
    fprintf(stderr, "exchange: sent %llu bytes, %llu arrived\n", (unsigned long long)sent,
            (unsigned long long)received);
    exit(1);
  }
  printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", (unsigned long long)sent,
         (double)(now_ns() - start) / 1e9);
}

static void run_connect(int port, double seconds) {
  uint32_t* samples = malloc(sizeof *samples * MAX_SAMPLES);
  if (samples == NULL) fail("memory");
  size_t count = 0;
  /* Reset instead of TIME_WAIT: ports would run out. */
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), now = start;
  while (now < end && count < MAX_SAMPLES) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    struct sockaddr_in address = loopback(port);
    uint64_t before = now_ns();
    if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) fail("connect");
    now = now_ns();
    samples[count++] = (uint32_t)(now - before);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
  }
  print_samples(samples, count, count, (double)(now - start) / 1e9);
}

static void run_idle(int port, int connections) {
  static const char request[] = "GET /100B HTTP/1.1\r\nHost: idle\r\n\r\n";
  for (int i = 0; i < connections; i++) {
    int fd = dial(port);
    write_all(fd, request, sizeof request - 1);
    if (read(fd, buffer, sizeof buffer) <= 0) fail("read");
  }
  printf("ready\n");
  fflush(stdout);
  while (read(STDIN_FILENO, buffer, sizeof buffer) > 0) continue;
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  if (strcmp(mode, "echo") == 0) {
    serve_echo();
  } else if (strcmp(mode, "sink") == 0) {
    serve_sink();
  } else if (strcmp(mode, "ping") == 0 && argc == 6) {
    run_ping(atoi(argv[2]), atoi(argv[3]), (size_t)atol(argv[4]), atof(argv[5]));
  } else if (strcmp(mode, "bulk") == 0 && argc == 5) {
    run_bulk(atoi(argv[2]), (size_t)atol(argv[3]), atof(argv[4]));
  } else if (strcmp(mode, "connect") == 0 && argc == 4) {
    run_connect(atoi(argv[2]), atof(argv[3]));
  } else if (strcmp(mode, "idle") == 0 && argc == 4) {
    run_idle(atoi(argv[2]), atoi(argv[3]));
  } else {
    fprintf(stderr,
            "usage: exchange echo|sink|ping|bulk|connect|idle …; see the top of the source\n");
    return 64;
  }
  return 0;
}
