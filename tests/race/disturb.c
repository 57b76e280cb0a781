// SPDX-License-Identifier: GPL-2.0-only
/* What goes on around containers: parameters, unloading, onlookers, CPUs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "race.h"

#define DEBUGFS	"/sys/kernel/debug/vfio_iommu_type1p"
#define CPU1	"/sys/devices/system/cpu/cpu1/online"

pthread_rwlock_t verify_lock = PTHREAD_RWLOCK_INITIALIZER;
bool verify_on = true;

static void set(struct worker *w, const char *name, const char *value)
{
	begin(w->seat, OP_PARAM, 0, 0);
	judge(w->seat, backend_param(BACKEND_TYPE1P, name, value), 0);
}

static void set_verify(struct worker *w, bool on)
{
	pthread_rwlock_wrlock(&verify_lock);
	set(w, "verify_replace", on ? "Y" : "N");
	verify_on = on;
	pthread_rwlock_unlock(&verify_lock);
}

void *params_run(void *arg)
{
	static const char * const threads[] = { "0", "1", "2", "4" };
	static const char * const timeouts[] = { "0", "1", "30", "1000", "3000" };
	struct worker *w = arg;

	while (!r->over) {
		rest();
		switch (draw(&w->seed, 4)) {
		case 0:
			set(w, "max_threads", threads[draw(&w->seed, ARRAY_SIZE(threads))]);
			break;
		case 1:
			set(w, "disable_hugepages", draw(&w->seed, 2) ? "Y" : "N");
			break;
		case 2:
			set_verify(w, draw(&w->seed, 2));
			break;
		default:
			set(w, "vaddr_timeout_ms", timeouts[draw(&w->seed, ARRAY_SIZE(timeouts))]);
		}
		usleep(draw(&w->seed, 400000));
	}
	set(w, "max_threads", "0");
	set(w, "disable_hugepages", "N");
	set_verify(w, true);
	return NULL;
}

/* As "rmmod" does: it must never succeed while there are containers. */
void *unloader_run(void *arg)
{
	static const char * const modules[] = { "vfio_iommu_type1p", "vfio", "type1p_emulated" };
	struct worker *w = arg;
	int ret;

	while (!r->over) {
		rest();
		begin(w->seat, OP_UNLOAD, 0, 0);
		ret = syscall(SYS_delete_module, modules[draw(&w->seed, 3)], O_NONBLOCK);
		ret = ret ? -errno : 0;
		if (!judge(w->seat, ret, -EWOULDBLOCK, -EBUSY, 0))
			violation(w->seat, "a module could be unloaded while it is in use");
		usleep(draw(&w->seed, 100000));
	}
	return NULL;
}

/* Reads a file in small steps, with pauses. */
static void look(struct worker *w, const char *container, const char *name)
{
	char path[400], text[200];
	unsigned int steps = 1 + draw(&w->seed, 60);
	int fd, ret = 1;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", container, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* It may have gone. */
	if (fd < 0)
		return;
	while (steps-- && ret > 0) {
		begin(w->seat, OP_LOOK, 0, 0);
		ret = read(fd, text, 1 + draw(&w->seed, sizeof(text)));
		ret = judge(w->seat, ret < 0 ? -errno : ret, -EIO, 0);
		usleep(draw(&w->seed, 3000));
	}
	close(fd);
}

void *reader_run(void *arg)
{
	static const char * const names[] = { "state", "groups", "ranges", "jobs" };
	struct worker *w = arg;
	struct dirent *entry;
	DIR *dir;

	while (!r->over) {
		rest();
		dir = opendir(DEBUGFS);
		while (dir && (entry = readdir(dir)))
			if (entry->d_name[0] != '.' && !draw(&w->seed, 3))
				look(w, entry->d_name, names[draw(&w->seed, 4)]);
		if (dir)
			closedir(dir);
		usleep(draw(&w->seed, 20000));
	}
	return NULL;
}

static int set_cpu(bool online)
{
	int fd = open(CPU1, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, online ? "1" : "0", 1) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

void *hotplug_run(void *arg)
{
	struct worker *w = arg;
	bool online = true;

	while (!r->over) {
		rest();
		online = !online;
		begin(w->seat, OP_HOTPLUG, 0, 0);
		judge(w->seat, set_cpu(online), -EBUSY, 0);
		usleep(draw(&w->seed, online ? 2000000 : 500000));
	}
	set_cpu(true);
	return NULL;
}
