// What is kept of each worker; `CCrash.h` says who may touch it.
#pragma once
#include "CCrash.h"
#include <sys/types.h>

enum { WORKERS_MAX = 256, REQUESTS_MAX = 4096 };

struct crash_request {
  // When it began; 0 while the place is free.
  int64_t began;
  uint8_t counts[CRASH_TARGET + 1];
  uint8_t client[46], id[32], method[16], host[64], target[200];
};

struct crash_worker {
  pid_t thread;
  // Requests that have begun and not ended.
  uint32_t under_way;
  // The request that is worked on; CRASH_NOWHERE when it is a connection without one.
  uint32_t current;
  // The place of the request that ended last, and when that had begun; 0 before the first.
  uint32_t ended;
  int64_t ended_began;
  // Of the connection that was turned to last.
  uint8_t client_count;
  uint8_t client[46];
  // Places that are not taken, the one used last at the end: so few of them cost memory.
  uint32_t free_count;
  uint16_t free[REQUESTS_MAX];
  struct crash_request requests[REQUESTS_MAX];
};

// Those of this process; NULL where there are fewer.
extern struct crash_worker *crash_workers[WORKERS_MAX];

const char *crash_signal_name(int signal);
