// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection.h"
#include "line.h"

static struct workload *workloads;

static struct workload **find(const char *uid)
{
	struct workload **link = &workloads;

	while (*link && strcmp((*link)->uid, uid) != 0)
		link = &(*link)->next;
	return link;
}

static void tell(const char *event, const struct workload *workload)
{
	struct line line;

	line_begin(&line);
	line_text(&line, "event", event);
	line_text(&line, "uid", workload->uid);
	line_text(&line, "pod", workload->name);
	line_text(&line, "namespace", workload->namespace);
	line_end(&line);
}

static void drop(struct workload **link)
{
	struct workload *workload = *link;

	*link = workload->next;
	if (!workload->pending)
		tell("stopped", workload);
	listeners_close(workload);
	while (workload->connections)
		connection_abort(workload->connections);
	close(workload->netns);
	free(workload->uid);
	free(workload->name);
	free(workload->namespace);
	free(workload);
}

static const char *start(struct workload *workload)
{
	static char error[256];

	workload->pending = listeners_open(workload, error, sizeof(error)) != 0;
	if (workload->pending)
		return error;
	tell("started", workload);
	return "";
}

const char *workload_add(const struct zds_request *request, int netns)
{
	struct workload **link = find(request->uid), *workload = *link;
	struct stat file;

	if (fstat(netns, &file) != 0)
		file.st_ino = 0;
	/* The same network namespace again is no news; another one means that the sandbox was made again. */
	if (workload && workload->device == file.st_dev && workload->inode == file.st_ino) {
		close(netns);
		workload->named = true;
		return workload->pending ? start(workload) : "";
	}
	if (workload)
		drop(link);
	workload = calloc(1, sizeof(*workload));
	if (!workload)
		abort();
	workload->uid = strdup(request->uid);
	workload->name = strdup(request->name);
	workload->namespace = strdup(request->namespace);
	workload->netns = netns;
	workload->device = file.st_dev;
	workload->inode = file.st_ino;
	workload->named = true;
	workload->next = workloads;
	workloads = workload;
	return start(workload);
}

void workload_del(const char *uid)
{
	struct workload **link = find(uid);

	if (*link)
		drop(link);
}

void workload_name(const char *uid, bool named)
{
	struct workload *workload = *find(uid);

	if (workload)
		workload->named = named;
}

void workload_forget_pending(const char *uid)
{
	struct workload **link = find(uid);

	if (*link && (*link)->pending)
		drop(link);
}

void workloads_unname(void)
{
	struct workload **link = &workloads;

	while (*link) {
		(*link)->named = false;
		if ((*link)->pending)
			drop(link);
		else
			link = &(*link)->next;
	}
}

void workloads_drop_unnamed(void)
{
	struct workload **link = &workloads;

	while (*link) {
		if (!(*link)->named)
			drop(link);
		else
			link = &(*link)->next;
	}
}

bool workloads_retry(void)
{
	bool pending = false;

	for (struct workload *workload = workloads; workload; workload = workload->next)
		if (workload->pending) {
			start(workload);
			pending |= workload->pending;
		}
	return pending;
}
