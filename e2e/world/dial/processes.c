// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dial.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void one_child(bool exec)
{
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		if (exec)
			execl("/bin/true", "true", NULL);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int command_forks(int argc, char **argv)
{
	double start = now_milliseconds(), took, end = 0;
	bool exec = false;
	long wanted, made;
	struct line line;

	if (argc < 1)
		usage("forks needs N", NULL);
	wanted = number(argv[0], 0, 1000000000);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--exec") == 0)
			exec = true;
		else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			end = start + 1e3 * (double)number(argv[++i], 1, 3600);
		else
			usage("no such option", argv[i]);
	}
	for (made = 0; end > 0 ? now_milliseconds() < end : made < wanted; made++)
		one_child(exec);
	took = now_milliseconds() - start;
	line_begin(&line);
	line_flag(&line, "ok", true);
	line_integer(&line, "forks", made);
	line_milliseconds(&line, "ms", took);
	line_milliseconds(&line, "perSecond", took > 0 ? (double)made / took * 1e3 : 0);
	line_end(&line);
	return 0;
}

int command_netns_cookie(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long long cookie;
	socklen_t length = sizeof(cookie);
	struct stat file;
	struct line line;
	char text[32];

	(void)argc;
	(void)argv;
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0)
		fail("SO_NETNS_COOKIE");
	if (stat("/proc/self/ns/net", &file) != 0)
		fail("stat");
	/* Text: a JSON number loses digits past 2^53. */
	snprintf(text, sizeof(text), "%llu", cookie);
	line_begin(&line);
	line_text(&line, "cookie", text);
	line_integer(&line, "inode", (long long)file.st_ino);
	line_end(&line);
	return 0;
}
