// SPDX-License-Identifier: Apache-2.0
// programs ID...: how often the kernel ran these BPF programs and for how long. The kernel counts while this process
// lives (BPF_ENABLE_STATS, Linux 5.8), and no longer. For each line on stdin, a line for each program:
//   {"event": "program", "id": N, "name": NAME, "runs": N, "ns": N}, and at the end {"event": "told"}
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "line.h"

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void tell(unsigned id)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { 0 };
	struct line line;
	int fd;

	attr.prog_id = id;
	fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	if (fd < 0)
		die("BPF_PROG_GET_FD_BY_ID");
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (unsigned)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (unsigned long)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) != 0)
		die("BPF_OBJ_GET_INFO_BY_FD");
	close(fd);
	line_begin(&line);
	line_text(&line, "event", "program");
	line_integer(&line, "id", id);
	line_text(&line, "name", info.name);
	line_integer(&line, "runs", (long long)info.run_cnt);
	line_integer(&line, "ns", (long long)info.run_time_ns);
	line_end(&line);
}

int main(int argc, char **argv)
{
	union bpf_attr attr = { .enable_stats.type = BPF_STATS_RUN_TIME };
	char word[64];

	if (bpf(BPF_ENABLE_STATS, &attr) < 0)
		die("BPF_ENABLE_STATS");
	while (fgets(word, sizeof(word), stdin)) {
		struct line line;

		for (int i = 1; i < argc; i++)
			tell((unsigned)strtoul(argv[i], NULL, 10));
		line_begin(&line);
		line_text(&line, "event", "told");
		line_end(&line);
	}
	return 0;
}
