/* A uwsgi or HTTP application server that costs next to nothing, so that a measurement shows the proxy.
 *
 *   backend ADDRESS[,mode=MODE][,delay=MILLISECONDS] ...
 *
 * ADDRESS is 127.0.0.1:PORT or unix:PATH. The last segment of the path asked for says how much comes
 * back: /1k /10m /300. A request body (CONTENT_LENGTH) is read before the answer. Prints "ready".
 *
 * protocol=http HTTP/1.1 on connections that are kept; uwsgi unless said
 * mode=answer   the default
 * mode=silent   accepts, reads and never answers
 * mode=close    takes the whole request, then closes without a byte
 * mode=full     listens with a full queue, so that the kernel drops every SYN
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_MAX = 4 + 65535, BODY_MAX = 64 << 20, LISTENERS_MAX = 16, EVENTS = 256, BACKLOG = 4096 };
enum mode { ANSWER, SILENT, CLOSE, FULL };

struct listener {
  int descriptor, delay_ms, http;
  enum mode mode;
  struct peer *first, *last; /* waiting for their delay; one delay per listener, so in order */
};

struct peer {
  int descriptor;
  uint32_t watched;    /* the epoll events it is registered for; 0 when it is not */
  struct listener *listener;
  size_t have;         /* bytes of the block read so far */
  uint64_t body_left;  /* request body bytes still to come */
  int block_done;
  uint64_t size, sent; /* of the answer's body */
  char head[160];
  size_t head_length, head_sent;
  int64_t due_ms;
  struct peer *next;
  unsigned char block[BLOCK_MAX + 1];
};

static struct listener listeners[LISTENERS_MAX];
static struct peer *spare;
static char *filler;
static int poller;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void end(struct peer *p) {
  close(p->descriptor);
  p->next = spare;
  spare = p;
}

static void watch(struct peer *p, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = p};
  if (p->watched == events) return;
  int change = p->watched == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  epoll_ctl(poller, change, p->descriptor, &e);
  p->watched = events;
}

static uint64_t number(const unsigned char *text, size_t length) {
  uint64_t n = 0;
  for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) n = n * 10 + (text[i] - '0');
  return n;
}

static uint64_t size_in_path(const unsigned char *path, size_t length) {
  size_t start = length;
  while (start > 0 && path[start - 1] != '/') start--;
  uint64_t size = number(path + start, length - start);
  int unit = length > 0 ? path[length - 1] : 0;
  size <<= unit == 'k' ? 10 : unit == 'm' ? 20 : 0;
  return size > BODY_MAX ? BODY_MAX : size;
}

/* Takes the sizes out of a complete block. */
static void understand(struct peer *p, size_t end_of_block) {
  size_t at = 4;
  p->size = 1024;
  while (at + 2 <= end_of_block) {
    size_t key = p->block[at] | p->block[at + 1] << 8;
    if (at + 4 + key > end_of_block) return;
    const unsigned char *name = p->block + at + 2;
    size_t value = p->block[at + 2 + key] | p->block[at + 3 + key] << 8;
    const unsigned char *text = name + key + 2;
    if (at + 4 + key + value > end_of_block) return;
    if (key == 9 && memcmp(name, "PATH_INFO", 9) == 0) p->size = size_in_path(text, value);
    if (key == 14 && memcmp(name, "CONTENT_LENGTH", 14) == 0) p->body_left = number(text, value);
    at += 4 + key + value;
  }
}

/* Where a complete head of HTTP ends; 0 while it has not. */
static size_t http_head(struct peer *p) {
  p->block[p->have] = 0;
  char *end_of_head = strstr((char *)p->block, "\r\n\r\n");
  if (!end_of_head) return 0;
  char *target = strchr((char *)p->block, ' '), *length = strcasestr((char *)p->block, "\r\ncontent-length:");
  if (target) p->size = size_in_path((unsigned char *)target + 1, strcspn(target + 1, " ?"));
  if (length && length < end_of_head) p->body_left = strtoull(length + 17, NULL, 10);
  return end_of_head + 4 - (char *)p->block;
}

/* An answer over uwsgi ends its connection; over HTTP the next request follows. */
static void finish(struct peer *p) {
  if (!p->listener->http) return end(p);
  p->have = p->head_sent = p->sent = 0;
  p->block_done = 0;
  watch(p, EPOLLIN);
}

static void answer(struct peer *p) {
  for (;;) {
    struct iovec parts[2] = {{p->head + p->head_sent, p->head_length - p->head_sent},
                             {filler + p->sent, p->size - p->sent}};
    ssize_t n = writev(p->descriptor, parts, 2);
    if (n < 0 && errno == EAGAIN) return watch(p, EPOLLOUT);
    if (n < 0) return end(p);
    size_t of_head = p->head_length - p->head_sent;
    if ((size_t)n < of_head) of_head = n;
    p->head_sent += of_head;
    p->sent += n - of_head;
    if (p->head_sent == p->head_length && p->sent == p->size) return finish(p);
  }
}

static void begin_answer(struct peer *p) {
  p->head_length = snprintf(p->head, sizeof p->head,
                            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %llu\r\n\r\n",
                            (unsigned long long)p->size);
  answer(p);
}

/* The request is complete: do what the listener's mode says. */
static void complete(struct peer *p) {
  struct listener *l = p->listener;
  if (l->mode == CLOSE) return end(p);
  if (l->mode == SILENT) return watch(p, EPOLLIN);
  if (l->delay_ms == 0) return begin_answer(p);
  watch(p, 0);
  p->due_ms = now_ms() + l->delay_ms;
  p->next = NULL;
  if (l->last) l->last->next = p; else l->first = p;
  l->last = p;
}

static void readable(struct peer *p) {
  static char sink[1 << 18];
  for (;;) {
    if (p->block_done && p->body_left == 0) {
      /* Only a silent one still listens: the proxy has given up when it closes. */
      ssize_t n = read(p->descriptor, sink, sizeof sink);
      if (n == 0 || (n < 0 && errno != EAGAIN)) end(p);
      return;
    }
    ssize_t n = p->block_done ? read(p->descriptor, sink, sizeof sink)
                              : read(p->descriptor, p->block + p->have, BLOCK_MAX - p->have);
    if (n < 0 && errno == EAGAIN) return watch(p, EPOLLIN);
    if (n <= 0) return end(p);
    if (p->block_done) {
      p->body_left -= (uint64_t)n > p->body_left ? p->body_left : (uint64_t)n;
    } else {
      p->have += n;
      size_t end_of_block = p->have < 4 ? BLOCK_MAX : 4 + (size_t)(p->block[1] | p->block[2] << 8);
      if (p->listener->http && !(end_of_block = http_head(p))) continue;
      if (p->have < end_of_block) continue;
      p->block_done = 1;
      if (!p->listener->http) understand(p, end_of_block);
      size_t early = p->have - end_of_block;
      p->body_left -= early > p->body_left ? p->body_left : early;
    }
    if (p->block_done && p->body_left == 0) return complete(p);
  }
}

static void accept_all(struct listener *l) {
  for (int i = 0; i < 64; i++) {
    int descriptor = accept4(l->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    struct peer *p = spare;
    if (p) spare = p->next;
    else if (!(p = malloc(sizeof *p))) fail("malloc");
    memset(p, 0, offsetof(struct peer, block));
    p->descriptor = descriptor;
    p->listener = l;
    readable(p); /* a proxy sends the request with the connection, as a rule */
  }
}

/* Connects to the listener until its queue is full; nobody accepts. */
static void fill_queue(const struct sockaddr *address, socklen_t length) {
  for (int i = 0; i < 4; i++) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (descriptor < 0) fail("socket");
    connect(descriptor, address, length);
  }
}

static void listen_on(struct listener *l, char *specification) {
  char *options = strchr(specification, ',');
  if (options) *options++ = 0;
  for (char *o = options ? strtok(options, ",") : NULL; o; o = strtok(NULL, ",")) {
    if (!strcmp(o, "mode=silent")) l->mode = SILENT;
    else if (!strcmp(o, "mode=close")) l->mode = CLOSE;
    else if (!strcmp(o, "mode=full")) l->mode = FULL;
    else if (!strcmp(o, "protocol=http")) l->http = 1;
    else if (!strncmp(o, "delay=", 6)) l->delay_ms = atoi(o + 6);
    else if (strcmp(o, "mode=answer")) { fprintf(stderr, "backend: unknown option %s\n", o); exit(64); }
  }
  union { struct sockaddr any; struct sockaddr_in ip; struct sockaddr_un local; } a = {0};
  socklen_t length;
  int one = 1;
  if (!strncmp(specification, "unix:", 5)) {
    a.local.sun_family = AF_UNIX;
    snprintf(a.local.sun_path, sizeof a.local.sun_path, "%s", specification + 5);
    unlink(a.local.sun_path);
    length = sizeof a.local;
  } else {
    char *colon = strrchr(specification, ':');
    if (!colon) { fprintf(stderr, "backend: no port in %s\n", specification); exit(64); }
    *colon = 0;
    a.ip.sin_family = AF_INET;
    a.ip.sin_port = htons(atoi(colon + 1));
    inet_pton(AF_INET, specification, &a.ip.sin_addr);
    length = sizeof a.ip;
  }
  l->descriptor = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(l->descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(l->descriptor, &a.any, length) < 0) fail("bind");
  if (a.any.sa_family == AF_UNIX) chmod(a.local.sun_path, 0666);
  if (listen(l->descriptor, l->mode == FULL ? 0 : BACKLOG) < 0) fail("listen");
  if (l->mode == FULL) return fill_queue(&a.any, length);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
  epoll_ctl(poller, EPOLL_CTL_ADD, l->descriptor, &e);
}

/* Answers whatever is due and says how many milliseconds until the next; -1 for none. */
static int run_delays(void) {
  int next = -1;
  int64_t now = now_ms();
  for (struct listener *l = listeners; l < listeners + LISTENERS_MAX; l++) {
    while (l->first && l->first->due_ms <= now) {
      struct peer *p = l->first;
      l->first = p->next;
      if (!l->first) l->last = NULL;
      begin_answer(p);
    }
    if (l->first && (next < 0 || l->first->due_ms - now < next)) next = (int)(l->first->due_ms - now);
  }
  return next;
}

int main(int count, char **arguments) {
  if (count < 2 || count - 1 > LISTENERS_MAX) {
    fprintf(stderr, "usage: backend ADDRESS[,protocol=http][,mode=answer|silent|close|full][,delay=MS] ...\n");
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  if (!(filler = malloc(BODY_MAX))) fail("malloc");
  memset(filler, 'x', BODY_MAX);
  if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  for (int i = 1; i < count; i++) listen_on(&listeners[i - 1], arguments[i]);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, run_delays());
    for (int i = 0; i < n; i++) {
      void *owner = events[i].data.ptr;
      if ((struct listener *)owner >= listeners && (struct listener *)owner < listeners + LISTENERS_MAX)
        accept_all(owner);
      else if (((struct peer *)owner)->watched == EPOLLOUT)
        answer(owner);
      else
        readable(owner);
    }
  }
}
