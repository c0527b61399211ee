// Linux calls that the Glibc module of Swift does not show. No logic lives here.
// _GNU_SOURCE must not be defined: it changes libc types that the Glibc module already exported,
// so functions hidden behind it are declared by hand.
#pragma once
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

int memfd_create(const char *, unsigned);
int accept4(int, struct sockaddr *, socklen_t *, int);
int pthread_setname_np(pthread_t, const char *);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int setresuid(uid_t, uid_t, uid_t);
int setresgid(gid_t, gid_t, gid_t);
int pipe2(int *, int);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);

// glibc has no wrapper for it, and Swift cannot call `syscall`, which takes any number of arguments.
static inline int shim_openat2(int directory, const char *path, const struct open_how *how) {
  return (int)syscall(SYS_openat2, directory, path, how, sizeof *how);
}

// Its last argument, which Swift cannot leave out, is for files that are made.
static inline int shim_openat(int directory, const char *path, int flags) {
  return openat(directory, path, flags);
}

// Swift cannot call `prctl`, which takes any number of arguments.
#include <sys/prctl.h>
static inline int shim_set_dumpable(int isDumpable) {
  return prctl(PR_SET_DUMPABLE, isDumpable, 0, 0, 0);
}

// Programs that this thread starts do not inherit its capabilities.
static inline void shim_drop_ambient_capabilities(void) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

// The type whose `d_name` Swift shows as a tuple.
#include <dirent.h>
static inline const char *shim_entry_name(const struct dirent *entry) { return entry->d_name; }
