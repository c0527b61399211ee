// A kernel without IPv6, as after a boot with ipv6.disable=1: no socket of that family can be made.
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int family, int type, int protocol) {
  static int (*real)(int, int, int);
  if (!real) real = dlsym(RTLD_NEXT, "socket");
  if (family == AF_INET6) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  return real(family, type, protocol);
}
