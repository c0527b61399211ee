#include "Notes.h"
#include <signal.h>
#include <string.h>

// Text that is put together in room that the caller has; what does not fit is left out.
struct output {
  uint8_t *bytes;
  size_t count, room;
};

static void put(struct output *to, uint8_t byte) {
  if (to->count < to->room) to->bytes[to->count++] = byte;
}

static void put_text(struct output *to, const char *text) {
  while (*text) put(to, (uint8_t)*text++);
}

// At least `digits` of them.
static void put_number(struct output *to, uint64_t number, unsigned base, int digits) {
  char reversed[64];
  int count = 0;
  do {
    reversed[count++] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number > 0 || count < digits);
  while (count > 0) put(to, (uint8_t)reversed[--count]);
}

// A value as it is when it is one plain word, else as a JSON string; as the error log has it.
static void put_value(struct output *to, const char *key, const uint8_t *bytes, size_t count) {
  put(to, ' ');
  put_text(to, key);
  put(to, '=');
  int is_word = count > 0;
  for (size_t index = 0; index < count; index++) {
    uint8_t byte = bytes[index];
    if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '\\' || byte == '=') is_word = 0;
  }
  if (!is_word) put(to, '"');
  for (size_t index = 0; index < count; index++) {
    uint8_t byte = bytes[index];
    if (byte == '"' || byte == '\\') put(to, '\\');
    if (byte >= ' ' && byte < 0x7f) {
      put(to, byte);
    } else {
      put_text(to, "\\u00");
      put_number(to, byte, 16, 2);
    }
  }
  if (!is_word) put(to, '"');
}

static void put_count(struct output *to, const char *key, uint64_t number) {
  put(to, ' ');
  put_text(to, key);
  put(to, '=');
  put_number(to, number, 10, 1);
}

// The date and time of day as RFC 3339 has them; the civil date after Howard Hinnant.
static void put_time(struct output *to, int64_t milliseconds) {
  int64_t second = milliseconds / 1000, day = second / 86400 + 719468;
  int64_t era = day / 146097, of_era = day % 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  int64_t month = (5 * of_year + 2) / 153;
  put_number(to, (uint64_t)(year + era * 400 + (month >= 10)), 10, 4);
  put(to, '-');
  put_number(to, (uint64_t)(month < 10 ? month + 3 : month - 9), 10, 2);
  put(to, '-');
  put_number(to, (uint64_t)(of_year - (153 * month + 2) / 5 + 1), 10, 2);
  put(to, 'T');
  put_number(to, (uint64_t)(second / 3600 % 24), 10, 2);
  put(to, ':');
  put_number(to, (uint64_t)(second / 60 % 60), 10, 2);
  put(to, ':');
  put_number(to, (uint64_t)(second % 60), 10, 2);
  put(to, '.');
  put_number(to, (uint64_t)(milliseconds % 1000), 10, 3);
  put(to, 'Z');
}

const char *crash_signal_name(int signal) {
  switch (signal) {
  case SIGILL: return "SIGILL";
  case SIGTRAP: return "SIGTRAP";
  case SIGABRT: return "SIGABRT";
  case SIGBUS: return "SIGBUS";
  case SIGFPE: return "SIGFPE";
  case SIGSEGV: return "SIGSEGV";
  default: return "a signal";
  }
}

static void put_frames(struct output *to, const struct crash_event *event) {
  if (event->frame_count == 0) return;
  put_text(to, " at=");
  for (size_t index = 0; index < event->frame_count && index < CRASH_FRAMES_MAX; index++) {
    if (index > 0) put(to, ',');
    if (event->frames[index] == 0) {
      put_text(to, "library");
    } else {
      put_text(to, "0x");
      put_number(to, event->frames[index], 16, 1);
    }
  }
}

// The request that a line tells of.
struct named {
  const struct crash_request *request;
  int64_t began;
  const char *state;
};

// The one that was worked on, else the one that began last and has not ended, else the last to end:
// what is left to do for it, or its remains, may be what was wrong.
static struct named named(const struct crash_worker *worker) {
  struct named found = {NULL, 0, "waiting"};
  if (worker->current < REQUESTS_MAX) {
    found.request = &worker->requests[worker->current];
    found.began = __atomic_load_n(&found.request->began, __ATOMIC_ACQUIRE);
    found.state = "current";
    if (found.began != 0) return found;
    found = (struct named){NULL, 0, "waiting"};
  }
  for (size_t index = 0; index < REQUESTS_MAX; index++) {
    const struct crash_request *request = &worker->requests[index];
    int64_t began = __atomic_load_n(&request->began, __ATOMIC_ACQUIRE);
    if (began != 0 && began >= found.began) {
      found.request = request;
      found.began = began;
    }
  }
  if (!found.request && worker->ended_began != 0 && worker->ended < REQUESTS_MAX) {
    found = (struct named){&worker->requests[worker->ended], worker->ended_began, "ended"};
  }
  return found;
}

static void put_fact(
  struct output *to, const char *key, const struct crash_request *request, enum crash_fact fact,
  const uint8_t *bytes, size_t room
) {
  // Another thread may be writing: what it has left in there must not lead anywhere.
  size_t count = __atomic_load_n(&request->counts[fact], __ATOMIC_ACQUIRE);
  put_value(to, key, bytes, count < room ? count : room);
}

// Keys in the order of the alphabet, as in the other lines of the log.
static void put_request(
  struct output *to, const struct crash_worker *worker, const struct named *named, int64_t now
) {
  const struct crash_request *request = named->request;
  int64_t age = request ? (now - named->began) / 1000000 : 0;
  if (request) {
    put_count(to, "age_ms", age > 0 ? (uint64_t)age : 0);
    put_fact(to, "client", request, CRASH_CLIENT, request->client, sizeof request->client);
  }
  if (worker && worker->current >= REQUESTS_MAX && worker->client_count > 0) {
    size_t count = worker->client_count, room = sizeof worker->client;
    put_value(to, "connection", worker->client, count < room ? count : room);
  }
  if (!request) return;
  put_fact(to, "host", request, CRASH_HOST, request->host, sizeof request->host);
  put_fact(to, "method", request, CRASH_METHOD, request->method, sizeof request->method);
  put_text(to, " request=");
  put_text(to, named->state);
  put_fact(to, "request_id", request, CRASH_ID, request->id, sizeof request->id);
}

// Of all workers: one that is under way rather than one that has ended, then the youngest.
static struct named named_of_any(uint64_t *under_way) {
  struct named best = {NULL, 0, "waiting"};
  *under_way = 0;
  for (size_t index = 0; index < WORKERS_MAX; index++) {
    struct crash_worker *worker = __atomic_load_n(&crash_workers[index], __ATOMIC_ACQUIRE);
    if (!worker) continue;
    *under_way += worker->under_way;
    struct named found = named(worker);
    if (!found.request) continue;
    int has_ended = found.state[0] == 'e', best_has = best.state[0] == 'e';
    if (!has_ended) found.state = "waiting";
    if (!best.request || (has_ended == best_has ? found.began > best.began : best_has)) best = found;
  }
  return best;
}

size_t crash_line(
  const struct crash_worker *worker, const struct crash_event *event,
  uint8_t line[CRASH_LINE_MAX], size_t *text
) {
  // Room for the line feed is kept.
  struct output to = {line, 0, CRASH_LINE_MAX - 1};
  if (event->time < 0) {
    put_text(&to, "<2>");
  } else {
    put_time(&to, event->time);
    put_text(&to, " critical ");
  }
  *text = to.count;
  put_text(&to, "ended by ");
  put_text(&to, crash_signal_name(event->signal));
  put_frames(&to, event);

  uint64_t under_way = 0;
  struct named found;
  if (worker) {
    found = named(worker);
    under_way = worker->under_way;
  } else {
    found = named_of_any(&under_way);
  }
  put_request(&to, worker, &found, event->now);
  if (event->sender != 0) put_count(&to, "sender", (uint64_t)event->sender);
  if (found.request) {
    const struct crash_request *request = found.request;
    put_fact(&to, "target", request, CRASH_TARGET, request->target, sizeof request->target);
  }
  put_value(
    &to, "thread", (const uint8_t *)event->thread, strnlen(event->thread, sizeof event->thread));
  put_count(&to, "under_way", under_way);
  line[to.count++] = '\n';
  return to.count;
}
