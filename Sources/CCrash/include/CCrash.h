// What a worker has under way, and the line that says so when a signal ends the process.
//
// This is C, unlike all else here, because it runs in a signal handler: the process may have stopped
// anywhere, within malloc or with a lock held. Swift does not promise which of its operations call
// its runtime, which allocates and locks; C does what is written. Nothing here allocates, locks or
// follows a pointer into the rest of the program once `crash_install` has been called.
#pragma once
#include <stddef.h>
#include <stdint.h>

// MARK: What is under way

// The notes of one worker. Only its thread writes them; the handler reads them on any thread.
struct crash_worker;

// Texts that are kept of a request, each cut to the room that it has.
enum crash_fact { CRASH_CLIENT, CRASH_ID, CRASH_METHOD, CRASH_HOST, CRASH_TARGET };

// The places of a request that has not begun, and of one that is counted but finds no place any more.
#define CRASH_NOWHERE UINT32_MAX
#define CRASH_UNNAMED (UINT32_MAX - 1)

// Notes for the calling thread; NULL without memory.
struct crash_worker *crash_worker_new(void);
void crash_worker_free(struct crash_worker *worker);

// A request begins at `now`, in nanoseconds of the monotonic clock, and is worked on; returns its
// place, which is CRASH_UNNAMED when some thousands are under way already.
uint32_t crash_begin(struct crash_worker *worker, int64_t now);
void crash_note(
  struct crash_worker *worker, uint32_t place, enum crash_fact fact, const uint8_t *bytes,
  size_t count);
void crash_end(struct crash_worker *worker, uint32_t place);

// What the worker turns to: a request that has begun before, or the connection of a client.
void crash_turn_to_request(struct crash_worker *worker, uint32_t place);
void crash_turn_to_client(struct crash_worker *worker, const uint8_t *bytes, size_t count);

// MARK: The line

enum { CRASH_FRAMES_MAX = 16, CRASH_LINE_MAX = 4096 };

// How the process ends.
struct crash_event {
  int signal;
  // The process that sent the signal; 0 where it is a fault of our own.
  int sender;
  // Ended by a zero.
  char thread[16];
  int64_t now;
  // Milliseconds since 1970, or -1 for a line that the journal gets.
  int64_t time;
  // Addresses in the program's file of the instruction and its callers; 0 for one in a library.
  uintptr_t frames[CRASH_FRAMES_MAX];
  size_t frame_count;
};

// Writes the line, with its line feed, in the form of the error log; returns its length.
//
// `worker` is the one that the event happened to. NULL means another thread: then the line names a
// request of any worker. `text` is told where the text begins, behind time and severity.
size_t crash_line(
  const struct crash_worker *worker, const struct crash_event *event,
  uint8_t line[CRASH_LINE_MAX], size_t *text);

// MARK: The handler

// Has SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE and SIGSEGV write the line to `log`, and behind the
// word `crashed`, the seconds since 1970 and the signal's name to `record`, which may be -1.
// Then the signal ends the process as it would without us. Other handlers, such as that of
// Swift's backtraces, which shows memory, are replaced; a sanitizer's are kept.
void crash_install(int log, int is_journal, int record);

// Gives the calling thread a stack for the handler, which its own may have no room for.
void crash_prepare_thread(void);
