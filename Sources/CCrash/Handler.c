#define _GNU_SOURCE
#include "Notes.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// The linker's: where the program begins and its code ends.
extern const char __executable_start[], etext[];

// What a sanitizer says of a crash is more, and it takes the stacks of handlers for its own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

static const int signals[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
static int log_file = -1, log_is_journal, record_file = -1;

// It goes with its thread, and its pages are given when they are first used.
static _Thread_local uint8_t handler_stack[32 * 1024] __attribute__((aligned(64)));
// Where the thread's own stack lies; 0 where that is not known.
static _Thread_local uintptr_t stack_low, stack_high;

// A reader that is behind costs the line, not the restart.
static const int patience_milliseconds = 20;

static int64_t nanoseconds(clockid_t clock) {
  struct timespec time = {0, 0};
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void registers(const ucontext_t *context, uintptr_t *code, uintptr_t *stack, uintptr_t *frame) {
#if defined(__x86_64__)
  *code = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
  *stack = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
  *frame = (uintptr_t)context->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
  *code = (uintptr_t)context->uc_mcontext.pc;
  *stack = (uintptr_t)context->uc_mcontext.sp;
  *frame = (uintptr_t)context->uc_mcontext.regs[29];
#else
  *code = *stack = *frame = 0;
#endif
}

static void add_frame(struct crash_event *event, uintptr_t address) {
  uintptr_t begin = (uintptr_t)__executable_start, end = (uintptr_t)etext;
  int is_ours = address >= begin && address < end;
  event->frames[event->frame_count++] = is_ours ? address - begin : 0;
}

// The instruction and its callers by the frames that each keeps, as long as these lie on the stack.
static void find_frames(struct crash_event *event, const ucontext_t *context) {
  uintptr_t code, stack, frame;
  registers(context, &code, &stack, &frame);
  if (code == 0) return;
  add_frame(event, code);
  uintptr_t lowest = stack > stack_low ? stack : stack_low;
  while (event->frame_count < CRASH_FRAMES_MAX && frame >= lowest && frame % sizeof frame == 0
         && stack_high >= 2 * sizeof frame && frame <= stack_high - 2 * sizeof frame) {
    const uintptr_t *saved = (const uintptr_t *)frame;
    if (saved[1] == 0) return;
    add_frame(event, saved[1]);
    lowest = frame + 1;
    frame = saved[0];
  }
}

static const struct crash_worker *worker_of_thread(pid_t thread) {
  for (size_t index = 0; index < WORKERS_MAX; index++) {
    struct crash_worker *worker = __atomic_load_n(&crash_workers[index], __ATOMIC_ACQUIRE);
    if (worker && worker->thread == thread) return worker;
  }
  return NULL;
}

static void write_record(const struct crash_event *event, const uint8_t *line, size_t count) {
  static uint8_t head[64];
  size_t length = 0;
  uint64_t seconds = (uint64_t)(nanoseconds(CLOCK_REALTIME) / 1000000000), power = 1;
  memcpy(head, "crashed ", 8);
  length = 8;
  while (seconds / power >= 10) power *= 10;
  for (; power > 0; power /= 10) head[length++] = (uint8_t)('0' + seconds / power % 10);
  head[length++] = ' ';
  for (const char *name = crash_signal_name(event->signal); *name; name++) {
    head[length++] = (uint8_t)*name;
  }
  head[length++] = ' ';
  if (write(record_file, head, length) == (ssize_t)length) (void)!write(record_file, line, count);
}

static void handle(int number, siginfo_t *info, void *context) {
  // The first of several threads speaks; the others wait for the end.
  static int has_crashed;
  if (__atomic_exchange_n(&has_crashed, 1, __ATOMIC_ACQ_REL)) {
    for (;;) pause();
  }
  static uint8_t line[CRASH_LINE_MAX];
  struct crash_event event = {.signal = number, .now = nanoseconds(CLOCK_MONOTONIC)};
  event.time = log_is_journal ? -1 : nanoseconds(CLOCK_REALTIME) / 1000000;
  if (info->si_code <= 0 && info->si_pid != getpid()) event.sender = info->si_pid;
  prctl(PR_GET_NAME, event.thread);
  find_frames(&event, context);
  size_t text, count = crash_line(worker_of_thread(gettid()), &event, line, &text);

  struct pollfd entry = {.fd = log_file, .events = POLLOUT};
  if (poll(&entry, 1, patience_milliseconds) == 1) (void)!write(log_file, line, count);
  if (record_file >= 0) write_record(&event, line + text, count - text);

  // The signal is blocked until the handler returns: then it ends the process, for all to see.
  signal(number, SIG_DFL);
  raise(number);
}

void crash_prepare_thread(void) {
  if (IS_SANITIZED) return;
  stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
  sigaltstack(&stack, NULL);
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void *low = NULL;
  size_t size = 0;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
    stack_low = (uintptr_t)low;
    stack_high = stack_low + size;
  }
  pthread_attr_destroy(&attributes);
}

void crash_install(int log, int is_journal, int record) {
  if (IS_SANITIZED) return;
  log_file = log;
  log_is_journal = is_journal;
  record_file = record;
  crash_prepare_thread();
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) {
    sigaction(signals[index], &action, NULL);
  }
}
