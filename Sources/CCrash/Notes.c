#define _GNU_SOURCE
#include "Notes.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct crash_worker *crash_workers[WORKERS_MAX];

struct crash_worker *crash_worker_new(void) {
  // Large and zero: the kernel gives a page when it is first written to.
  struct crash_worker *worker = calloc(1, sizeof *worker);
  if (!worker) return NULL;
  worker->thread = gettid();
  worker->current = CRASH_NOWHERE;
  worker->free_count = REQUESTS_MAX;
  for (uint32_t index = 0; index < REQUESTS_MAX; index++) {
    worker->free[index] = (uint16_t)(REQUESTS_MAX - 1 - index);
  }
  for (size_t index = 0; index < WORKERS_MAX; index++) {
    struct crash_worker *none = NULL;
    if (__atomic_compare_exchange_n(
          &crash_workers[index], &none, worker, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      break;
    }
  }
  return worker;
}

void crash_worker_free(struct crash_worker *worker) {
  for (size_t index = 0; index < WORKERS_MAX; index++) {
    struct crash_worker *own = worker;
    (void)__atomic_compare_exchange_n(
      &crash_workers[index], &own, NULL, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  }
  free(worker);
}

uint32_t crash_begin(struct crash_worker *worker, int64_t now) {
  worker->under_way++;
  if (worker->free_count == 0) return worker->current = CRASH_UNNAMED;
  uint32_t place = worker->free[--worker->free_count];
  struct crash_request *request = &worker->requests[place];
  memset(request->counts, 0, sizeof request->counts);
  // The handler may run before the next instruction: it finds a whole request, or none.
  __atomic_store_n(&request->began, now > 0 ? now : 1, __ATOMIC_RELEASE);
  return worker->current = place;
}

void crash_note(
  struct crash_worker *worker, uint32_t place, enum crash_fact fact, const uint8_t *bytes,
  size_t count
) {
  if (place >= REQUESTS_MAX || count == 0) return;
  struct crash_request *request = &worker->requests[place];
  uint8_t *room;
  size_t size;
  switch (fact) {
  case CRASH_CLIENT: room = request->client; size = sizeof request->client; break;
  case CRASH_ID: room = request->id; size = sizeof request->id; break;
  case CRASH_METHOD: room = request->method; size = sizeof request->method; break;
  case CRASH_HOST: room = request->host; size = sizeof request->host; break;
  case CRASH_TARGET: room = request->target; size = sizeof request->target; break;
  default: return;
  }
  if (count > size) count = size;
  memcpy(room, bytes, count);
  __atomic_store_n(&request->counts[fact], (uint8_t)count, __ATOMIC_RELEASE);
}

void crash_end(struct crash_worker *worker, uint32_t place) {
  if (place == CRASH_NOWHERE) return;
  worker->under_way--;
  if (place >= REQUESTS_MAX || worker->requests[place].began == 0) return;
  worker->ended = place;
  worker->ended_began = worker->requests[place].began;
  __atomic_store_n(&worker->requests[place].began, 0, __ATOMIC_RELEASE);
  worker->free[worker->free_count++] = (uint16_t)place;
}

void crash_turn_to_request(struct crash_worker *worker, uint32_t place) {
  worker->current = place;
}

void crash_turn_to_client(struct crash_worker *worker, const uint8_t *bytes, size_t count) {
  worker->current = CRASH_NOWHERE;
  if (count > sizeof worker->client) count = sizeof worker->client;
  worker->client_count = 0;
  if (count > 0) memcpy(worker->client, bytes, count);
  __atomic_store_n(&worker->client_count, (uint8_t)count, __ATOMIC_RELEASE);
}
