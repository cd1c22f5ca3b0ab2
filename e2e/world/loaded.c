// SPDX-License-Identifier: Apache-2.0
// loaded program|map ID...: those of these ids that the kernel has, one a line.
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int command;

	if (argc > 1 && !strcmp(argv[1], "program"))
		command = BPF_PROG_GET_FD_BY_ID;
	else if (argc > 1 && !strcmp(argv[1], "map"))
		command = BPF_MAP_GET_FD_BY_ID;
	else
		return 2;
	for (int i = 2; i < argc; i++) {
		union bpf_attr attr = { .prog_id = (unsigned)strtoul(argv[i], NULL, 10) };
		long fd = syscall(SYS_bpf, command, &attr, sizeof(attr));

		if (fd < 0 && errno != ENOENT) {
			perror(argv[i]);
			return 1;
		}
		if (fd < 0)
			continue;
		puts(argv[i]);
		close((int)fd);
	}
	return 0;
}
