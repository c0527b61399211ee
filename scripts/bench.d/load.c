/* An HTTPS/1.1 client that asks as fast as it is answered and counts every failure by its kind.
 *
 *   load --address 127.0.0.1:PORT --name HOST [options]        prints one line of JSON
 *
 *   --path /1k             what is asked for
 *   --upload BYTES         POST a body of so many bytes instead of GET
 *   --connections N        so many side by side (64)
 *   --count N              requests in all; --seconds S: no new request after S seconds; either or both
 *   --per-connection N     requests before a connection is closed; 1 measures handshakes (0: no limit)
 *   --resume               offer a session of an earlier connection, each once: OpenSSL offers none twice
 *   --timeout MS           a request not answered whole by then has failed (10000)
 *   --warm none|handshake|request
 *                          do so much on every connection first, print "ready" and wait for a line on
 *                          standard input; what was done until then is not counted
 *
 * A latency runs from the request, or from connect when it needs a new connection, to the last byte.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, BLOCK = 65536, EVENTS = 256, WARMING_MAX = 64, STATUS_MAX = 600 };
enum state { RESTING, CONNECTING, SENDING, RECEIVING, OVER };
enum failure { CONNECT, HANDSHAKE, RESET, CUT, FRAMING, TIMEOUT, FAILURES };
enum warmth { COLD, SHAKEN, ASKED };
static const char *failure_names[FAILURES] = {"connect", "handshake", "reset", "cut", "framing", "timeout"};

struct slot {
  int descriptor; /* -1: no connection */
  SSL *tls;
  enum state state;
  uint32_t watched;
  int asked_here; /* requests on this connection */
  int64_t started_us;
  uint64_t sent, body_left;
  int head_done, status, closes;
  size_t head_have;
  char head[HEAD_MAX + 1];
};

static struct sockaddr_in address;
static const char *name = "", *path = "/1k";
static uint64_t upload, count = UINT64_MAX;
static double seconds = 0;
static int connections = 64, per_connection = 0, resume = 0, timeout_ms = 10000;
static enum warmth warmth = COLD;

static SSL_CTX *context;
/* Sessions that were not offered yet; the newest is last. */
static SSL_SESSION **sessions;
static int session_count;
static int poller;
static char request[1024], filler[BLOCK];
static size_t request_length;

static struct slot *slots, **again; /* again: failed, to be started anew in the next turn */
static int again_count;
static int warming, warm_begun, warm_done, active;
static int64_t deadline_us;
static uint64_t issued, answered, bytes_down, bytes_up, handshakes, resumed;
static uint64_t failures[FAILURES], statuses[STATUS_MAX];
static uint32_t *latencies;
static size_t latency_count, latency_room;

static void next_request(struct slot *s);
static void drive(struct slot *s);

static void fail_program(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int keep_session(SSL *tls, SSL_SESSION *new_session) {
  (void)tls;
  if (session_count == connections) return 0;
  sessions[session_count++] = new_session;
  return 1;
}

static void watch(struct slot *s, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = s};
  if (s->watched == events) return;
  epoll_ctl(poller, s->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, s->descriptor, &e);
  s->watched = events;
}

static void disconnect(struct slot *s, int politely) {
  if (s->descriptor < 0) return;
  if (politely) SSL_shutdown(s->tls);
  else SSL_set_quiet_shutdown(s->tls, 1);
  SSL_free(s->tls);
  close(s->descriptor);
  s->descriptor = -1;
  s->watched = 0;
  s->asked_here = 0;
}

static void record(int64_t us) {
  if (latency_count == latency_room) {
    latency_room = latency_room ? latency_room * 2 : 65536;
    if (!(latencies = realloc(latencies, latency_room * sizeof *latencies))) fail_program("realloc");
  }
  latencies[latency_count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* Opens the next of the connections that are to be warm before the measurement. */
static void warm_one(void) {
  if (warm_begun == connections) return;
  struct slot *s = &slots[warm_begun++];
  next_request(s);
}

static void rest(struct slot *s) {
  s->state = RESTING;
  if (warming) {
    warm_done++;
    warm_one();
  }
}

static void failed(struct slot *s, enum failure kind) {
  ERR_clear_error();
  failures[kind]++;
  disconnect(s, 0);
  s->state = RESTING;
  if (warming) rest(s);
  else again[again_count++] = s;
}

static void finished(struct slot *s) {
  if (s->status == 200) {
    answered++;
    record(now_us() - s->started_us);
  }
  statuses[s->status]++;
  s->asked_here++;
  if (s->closes || s->state != RECEIVING || s->asked_here == per_connection) disconnect(s, 1);
  if (warming) rest(s);
  else next_request(s);
}

static void open_connection(struct slot *s) {
  int one = 1;
  s->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s->descriptor < 0) fail_program("socket");
  setsockopt(s->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  s->tls = SSL_new(context);
  SSL_set_fd(s->tls, s->descriptor);
  SSL_set_tlsext_host_name(s->tls, name);
  if (resume && session_count > 0) {
    SSL_SESSION *session = sessions[--session_count];
    SSL_set_session(s->tls, session);
    SSL_SESSION_free(session);
  }
  SSL_set_connect_state(s->tls);
  s->state = CONNECTING;
  if (connect(s->descriptor, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
    failed(s, CONNECT);
    return;
  }
  watch(s, EPOLLOUT);
}

/* The next request of this slot, unless all were sent or the time is over. */
static void next_request(struct slot *s) {
  s->started_us = now_us();
  if (!warming) {
    if (issued == count || (deadline_us && s->started_us >= deadline_us)) {
      disconnect(s, 1);
      s->state = OVER;
      active--;
      return;
    }
    issued++;
  }
  s->sent = 0;
  s->head_have = 0;
  s->head_done = s->status = s->closes = 0;
  if (s->descriptor < 0) return open_connection(s);
  s->state = SENDING;
  drive(s);
}

/* After a call of OpenSSL that did not succeed: wait, or say that the connection is lost. */
static int must_wait(struct slot *s, int result) {
  int why = SSL_get_error(s->tls, result);
  if (why == SSL_ERROR_WANT_READ) watch(s, EPOLLIN);
  else if (why == SSL_ERROR_WANT_WRITE) watch(s, EPOLLIN | EPOLLOUT);
  else return 0;
  return 1;
}

static void shake_hands(struct slot *s) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(s->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error)
    return failed(s, CONNECT);
  int result = SSL_do_handshake(s->tls);
  if (result != 1) {
    if (!must_wait(s, result)) failed(s, HANDSHAKE);
    return;
  }
  handshakes++;
  resumed += SSL_session_reused(s->tls);
  s->state = SENDING;
  if (warming && warmth == SHAKEN) {
    watch(s, EPOLLIN);
    return rest(s);
  }
  drive(s);
}

/* Whether everything was sent; a failure is left to the reader, since an answer may have come. */
static void send_request(struct slot *s) {
  uint64_t total = request_length + upload;
  while (s->sent < total) {
    const char *from = s->sent < request_length ? request + s->sent : filler;
    uint64_t left = s->sent < request_length ? request_length - s->sent : total - s->sent;
    int result = SSL_write(s->tls, from, left > BLOCK ? BLOCK : (int)left);
    if (result <= 0) {
      if (!must_wait(s, result)) failed(s, RESET);
      return;
    }
    s->sent += result;
  }
  bytes_up += upload;
  s->state = RECEIVING;
  watch(s, EPOLLIN);
}

/* Reads status, length and persistence out of a complete head; 0 when it is not one. */
static int understand(struct slot *s, const char *end) {
  int sized = 0;
  if (strncmp(s->head, "HTTP/1.1 ", 9) != 0) return 0;
  s->status = atoi(s->head + 9);
  if (s->status < 200 || s->status >= STATUS_MAX) return 0;
  for (char *line = strstr(s->head, "\r\n") + 2; line < end; line = strstr(line, "\r\n") + 2) {
    if (!strncasecmp(line, "content-length:", 15)) {
      s->body_left = strtoull(line + 15, NULL, 10);
      sized = 1;
    }
    if (!strncasecmp(line, "connection: close", 17)) s->closes = 1;
  }
  return sized;
}

static void receive(struct slot *s) {
  static char block[BLOCK];
  for (;;) {
    char *into = s->head_done ? block : s->head + s->head_have;
    int room = s->head_done ? BLOCK : (int)(HEAD_MAX - s->head_have);
    int result = SSL_read(s->tls, into, room);
    if (result <= 0) {
      if (must_wait(s, result)) return;
      return failed(s, s->head_done ? CUT : RESET);
    }
    uint64_t body = result;
    if (!s->head_done) {
      s->head_have += result;
      s->head[s->head_have] = 0;
      char *end = strstr(s->head, "\r\n\r\n");
      if (!end) {
        if (s->head_have == HEAD_MAX) return failed(s, FRAMING);
        continue;
      }
      if (!understand(s, end)) return failed(s, FRAMING);
      s->head_done = 1;
      body = s->head_have - (end + 4 - s->head);
    }
    bytes_down += body;
    if (body > s->body_left) return failed(s, FRAMING);
    s->body_left -= body;
    if (s->body_left == 0) return finished(s);
  }
}

static void drive(struct slot *s) {
  ERR_clear_error();
  if (s->state == CONNECTING) shake_hands(s);
  else if (s->state == SENDING) send_request(s);
  else if (s->state == RECEIVING) receive(s);
}

static void give_up_on_the_late(void) {
  int64_t now = now_us();
  for (int i = 0; i < connections; i++) {
    struct slot *s = &slots[i];
    if (s->state == CONNECTING || s->state == SENDING || s->state == RECEIVING)
      if (now - s->started_us > (int64_t)timeout_ms * 1000) failed(s, TIMEOUT);
  }
}

static void turn(void) {
  static int64_t checked_us;
  struct epoll_event events[EVENTS];
  int restarts = again_count;
  struct slot *restarting[restarts + 1];
  memcpy(restarting, again, restarts * sizeof *again);
  again_count = 0;
  for (int i = 0; i < restarts; i++) next_request(restarting[i]);
  int n = epoll_wait(poller, events, EVENTS, again_count ? 0 : 100);
  for (int i = 0; i < n; i++) {
    struct slot *s = events[i].data.ptr;
    if (s->state == RESTING || s->descriptor < 0) continue;
    /* An answer before the whole body was sent ends the exchange and the connection. */
    if (s->state == SENDING && events[i].events & EPOLLIN && s->sent > request_length) receive(s);
    else drive(s);
  }
  if (now_us() - checked_us > 100000) {
    checked_us = now_us();
    give_up_on_the_late();
  }
}

static void warm_up(void) {
  char line[16];
  warming = 1;
  for (int i = 0; i < WARMING_MAX && i < connections; i++) warm_one();
  while (warm_done < connections) turn();
  warming = 0;
  uint64_t lost = 0;
  for (int kind = 0; kind < FAILURES; kind++) lost += failures[kind];
  printf("ready %llu\n", (unsigned long long)(connections - lost));
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) exit(1);
  answered = bytes_down = bytes_up = handshakes = resumed = latency_count = 0;
  memset(failures, 0, sizeof failures);
  memset(statuses, 0, sizeof statuses);
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static unsigned percentile(double share) {
  if (latency_count == 0) return 0;
  size_t index = (size_t)(share * (double)latency_count);
  return latencies[index < latency_count ? index : latency_count - 1];
}

static void report(double elapsed) {
  const char *comma = "";
  qsort(latencies, latency_count, sizeof *latencies, ascending);
  printf("{\"answered\": %llu, \"unsent\": %llu, \"seconds\": %.6f, ", (unsigned long long)answered,
         (unsigned long long)(count == UINT64_MAX ? 0 : count - issued), elapsed);
  printf("\"bytes_down\": %llu, \"bytes_up\": %llu, \"handshakes\": %llu, \"resumed\": %llu, ",
         (unsigned long long)bytes_down, (unsigned long long)bytes_up, (unsigned long long)handshakes,
         (unsigned long long)resumed);
  printf("\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"failed\": {", percentile(0.5),
         percentile(0.99), percentile(1));
  for (int kind = 0; kind < FAILURES; kind++)
    if (failures[kind]) {
      printf("%s\"%s\": %llu", comma, failure_names[kind], (unsigned long long)failures[kind]);
      comma = ", ";
    }
  for (int status = 0; status < STATUS_MAX; status++)
    if (statuses[status] && status != 200) {
      printf("%s\"%d\": %llu", comma, status, (unsigned long long)statuses[status]);
      comma = ", ";
    }
  printf("}}\n");
}

static void take_address(char *text) {
  char *colon = strrchr(text, ':');
  if (!colon) exit(64);
  *colon = 0;
  address.sin_family = AF_INET;
  address.sin_port = htons(atoi(colon + 1));
  inet_pton(AF_INET, text, &address.sin_addr);
}

static void take_options(int n, char **words) {
  for (int i = 1; i < n; i++) {
    char *option = words[i];
    if (!strcmp(option, "--resume")) { resume = 1; continue; }
    if (++i == n) { fprintf(stderr, "load: %s needs a value\n", option); exit(64); }
    char *value = words[i];
    if (!strcmp(option, "--address")) take_address(value);
    else if (!strcmp(option, "--name")) name = value;
    else if (!strcmp(option, "--path")) path = value;
    else if (!strcmp(option, "--upload")) upload = strtoull(value, NULL, 10);
    else if (!strcmp(option, "--connections")) connections = atoi(value);
    else if (!strcmp(option, "--count")) count = strtoull(value, NULL, 10);
    else if (!strcmp(option, "--seconds")) seconds = atof(value);
    else if (!strcmp(option, "--per-connection")) per_connection = atoi(value);
    else if (!strcmp(option, "--timeout")) timeout_ms = atoi(value);
    else if (!strcmp(option, "--warm"))
      warmth = !strcmp(value, "request") ? ASKED : !strcmp(value, "handshake") ? SHAKEN : COLD;
    else { fprintf(stderr, "load: unknown option %s\n", option); exit(64); }
  }
  if (address.sin_port == 0 || connections < 1 || (count == UINT64_MAX && seconds == 0)) {
    fprintf(stderr, "load: --address and one of --count and --seconds are needed\n");
    exit(64);
  }
}

int main(int n, char **words) {
  take_options(n, words);
  signal(SIGPIPE, SIG_IGN);
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  request_length = snprintf(request, sizeof request,
                            "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n%s",
                            upload ? "POST" : "GET", path, name,
                            per_connection == 1 ? "Connection: close\r\n" : "");
  if (upload)
    request_length += snprintf(request + request_length, sizeof request - request_length,
                               "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
                               (unsigned long long)upload);
  request_length += snprintf(request + request_length, sizeof request - request_length, "\r\n");
  memset(filler, 'u', sizeof filler);
  if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail_program("epoll_create1");
  if (!(slots = calloc(connections, sizeof *slots))) fail_program("calloc");
  if (!(again = calloc(connections, sizeof *again))) fail_program("calloc");
  if (!(sessions = calloc(connections, sizeof *sessions))) fail_program("calloc");
  for (int i = 0; i < connections; i++) slots[i].descriptor = -1;

  if (warmth != COLD) warm_up();
  int64_t begun = now_us();
  if (seconds > 0) deadline_us = begun + (int64_t)(seconds * 1e6);
  active = connections;
  for (int i = 0; i < connections; i++) next_request(&slots[i]);
  while (active > 0) turn();
  report((double)(now_us() - begun) / 1e6);
  return 0;
}
