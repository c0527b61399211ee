// Asks a name server over UDP at a steady rate and says how late its answers are.
//
//   questions ADDRESS PORT PER_SECOND SECONDS NAME...      A records; prints one line of JSON
//
// One thread that never sleeps, so that a latency is the server's and not that of a scheduler: the send and the
// receive threads of dnsperf share a core here. A question that is due is sent, whatever has been answered.
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { SOCKETS = 8, IDS = 65536, AT_ONCE = 16, NAMES_MAX = 16, MESSAGE_MAX = 300 };

static int64_t sent_at[SOCKETS][IDS];  // 0: nothing is waited for
static struct { uint8_t bytes[MESSAGE_MAX]; size_t count; } questions[NAMES_MAX];

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "questions: %s: %s\n", what, errno ? strerror(errno) : "");
  exit(1);
}

static size_t question(const char *name, uint8_t *out) {
  size_t at = 12;
  memset(out, 0, 12);
  out[5] = 1;
  for (const char *label = name; *label;) {
    size_t length = strcspn(label, ".");
    if (length == 0 || length > 63 || at + length + 6 > MESSAGE_MAX) fail("a name is malformed");
    out[at++] = (uint8_t)length;
    memcpy(out + at, label, length);
    at += length;
    label += length + (label[length] == '.');
  }
  memcpy(out + at, "\0\0\1\0\1", 5);
  return at + 5;
}

static int in_order(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

int main(int count, char **words) {
  if (count < 6 || count - 5 > NAMES_MAX) fail("ADDRESS PORT PER_SECOND SECONDS NAME...");
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
  if (inet_pton(AF_INET, words[1], &server.sin_addr) != 1) fail("the address is malformed");
  int64_t rate = atoll(words[3]), total = rate * atoll(words[4]);
  if (rate < 1 || total < 1 || total > 100000000) fail("the rate or the time is none");
  int names = count - 5;
  for (int i = 0; i < names; i++) questions[i].count = question(words[5 + i], questions[i].bytes);
  int sockets[SOCKETS];
  for (int i = 0; i < SOCKETS; i++) {
    sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int size = 1 << 20;
    setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (connect(sockets[i], (struct sockaddr *)&server, sizeof server) != 0) fail("connect");
  }
  uint32_t *late = calloc((size_t)total, sizeof *late);
  if (!late) fail("calloc");
  int64_t sent = 0, answered = 0, start = now(), quiet_since = start;
  while (sent < total || (answered < sent && now() - quiet_since < 1000000000LL)) {
    int64_t due = (int64_t)((double)(now() - start) * (double)rate / 1e9);
    for (int i = 0; i < AT_ONCE && sent < total && sent < due; i++, sent++) {
      int one = (int)(sent % SOCKETS);
      uint16_t id = (uint16_t)(sent / SOCKETS);
      uint8_t *bytes = questions[sent % names].bytes;
      bytes[0] = (uint8_t)(id >> 8);
      bytes[1] = (uint8_t)id;
      sent_at[one][id] = now();
      // One that the kernel does not take is one that is lost.
      (void)!send(sockets[one], bytes, questions[sent % names].count, 0);
      if (sent + 1 == total) quiet_since = now();
    }
    for (int i = 0; i < SOCKETS; i++) {
      uint8_t answer[4096];
      while (recv(sockets[i], answer, sizeof answer, 0) >= 12) {
        int64_t *at = &sent_at[i][answer[0] << 8 | answer[1]], time = now();
        if (!*at || answered >= total) continue;
        late[answered++] = (uint32_t)((time - *at) / 1000);
        *at = 0;
        quiet_since = time;
      }
    }
  }
  qsort(late, (size_t)answered, sizeof *late, in_order);
#define PART(share) (answered ? late[(int64_t)((double)(answered - 1) * (share))] : 0)
  printf("{\"answered\": %lld, \"lost\": %lld, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n",
         (long long)answered, (long long)(sent - answered), PART(0.5), PART(0.99), PART(1.0));
}
