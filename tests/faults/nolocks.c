/* Loaded before the C library: a file system without locks (NOLOCKS) or shared memory (NOMMAP). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>

static int locks(int command) {
    if (!getenv("NOLOCKS")) return 0;
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK ||
           command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

#define FCNTL(name)                                                             \
    int name(int fd, int command, ...) {                                        \
        va_list list;                                                           \
        va_start(list, command);                                                \
        void *argument = va_arg(list, void *);                                  \
        va_end(list);                                                           \
        if (locks(command)) { errno = ENOLCK; return -1; }                      \
        int (*real)(int, int, ...) = dlsym(RTLD_NEXT, #name);                   \
        return real(fd, command, argument);                                     \
    }

#define MMAP(name, offset_t)                                                    \
    void *name(void *at, size_t size, int protect, int flags, int fd, offset_t offset) { \
        if (getenv("NOMMAP") && fd >= 0 && (flags & MAP_TYPE) != MAP_PRIVATE) { \
            errno = ENODEV;                                                     \
            return MAP_FAILED;                                                  \
        }                                                                       \
        void *(*real)(void *, size_t, int, int, int, offset_t) = dlsym(RTLD_NEXT, #name); \
        return real(at, size, protect, flags, fd, offset);                      \
    }

FCNTL(fcntl)
FCNTL(fcntl64)
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

int flock(int fd, int operation) {
    if (getenv("NOLOCKS")) { errno = ENOLCK; return -1; }
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    return real(fd, operation);
}
