// SPDX-License-Identifier: Apache-2.0
// Preloaded: a kernel that tells nobody's credentials.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	int (*next)(int, int, int, void *, socklen_t *) = dlsym(RTLD_NEXT, "getsockopt");
	if (level != SOL_SOCKET || name != SO_PEERCRED)
		return next(fd, level, name, value, size);
	errno = ENOPROTOOPT;
	return -1;
}
