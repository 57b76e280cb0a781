// SPDX-License-Identifier: GPL-2.0-only
/* The waiters of this process: its threads, each for itself or for a job of a device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"

#define POLL_US		20000

const char *waiter_name(enum waiter_kind kind)
{
	static const char * const names[] = {
		[BY_KTHREAD] = "kernel thread",
		[BY_WORK] = "work item",
		[BY_THREAD] = "thread",
		[BY_PROCESS] = "process",
	};

	return names[kind];
}

/* A job on one of the devices: it ends by itself, is stopped, or closed. */
struct job {
	struct device *device;
	unsigned int life;
	int id;
};

static bool job_here(const struct job *job)
{
	return job->device->fd >= 0 && job->device->life == job->life;
}

static int job_start(struct stress *s, struct job *job, unsigned int *seed,
		     const struct type1p_emulated_order *order)
{
	struct device *device = &s->devices[rand_r(seed) % 2];

	pthread_rwlock_rdlock(&device->lock);
	if (device->fd < 0) {
		pthread_rwlock_unlock(&device->lock);
		device = &s->devices[0];
		pthread_rwlock_rdlock(&device->lock);
	}
	job->device = device;
	job->life = device->life;
	job->id = emulated_start(device->fd, order);
	pthread_rwlock_unlock(&device->lock);
	return job->id < 0 ? job->id : 0;
}

/* -ETIMEDOUT as long as it runs; -ENODEV if it is gone with its device. */
static int job_result(struct job *job)
{
	int ret = -ENODEV;

	pthread_rwlock_rdlock(&job->device->lock);
	if (job_here(job))
		ret = emulated_wait(job->device->fd, job->id, 0);
	pthread_rwlock_unlock(&job->device->lock);
	return ret;
}

static int job_stop(struct stress *s, struct job *job, struct type1p_emulated_status *status)
{
	int ret = -ENODEV;
	double start;

	pthread_rwlock_rdlock(&job->device->lock);
	start = now_ms();
	if (job_here(job))
		ret = emulated_stop(job->device->fd, job->id, status);
	raise_to(&s->slowest_stop_ms, now_ms() - start);
	pthread_rwlock_unlock(&job->device->lock);
	if (!ret && status->wrong)
		fail(s, "a job has read %llu wrong pages", status->wrong);
	return ret ? ret : status->last;
}

static void job_unpin(struct job *job, const struct type1p_emulated_order *order)
{
	pthread_rwlock_rdlock(&job->device->lock);
	if (job_here(job))
		emulated_unpin(job->device->fd, order->iova, order->npages);
	pthread_rwlock_unlock(&job->device->lock);
}

static void job_call(struct waiter_thread *t, struct type1p_emulated_order *order)
{
	/* A work item cannot be told to stop: who tries waits for it. */
	bool impatient = t->waiter->kind == BY_KTHREAD && !(rand_r(&t->seed) % 4);
	double until = now_ms() + rand_r(&t->seed) % 20;
	struct type1p_emulated_status status = {};
	struct job job;
	int ret;

	order->by = t->waiter->kind == BY_KTHREAD ? TYPE1P_EMULATED_KTHREAD :
						    TYPE1P_EMULATED_WORK;
	ret = job_start(t->s, &job, &t->seed, order);
	if (!ret) {
		do {
			pause_us(&t->seed, POLL_US);
			ret = job_result(&job);
		} while (ret == -ETIMEDOUT && !(impatient && now_ms() > until));
		if (ret != -ENODEV)
			ret = job_stop(t->s, &job, &status);
		if (order->op == TYPE1P_EMULATED_PIN && ret > 0)
			job_unpin(&job, order);
	}
	call_end(t->s, t->waiter, ret, status.calls ? status.longest_ns / 1e6 :
						      now_ms() - t->waiter->began_ms);
}

static void own_call(struct waiter_thread *t, struct type1p_emulated_order *order)
{
	char data[RANGE_SIZE];
	u64 word, at;
	int ret;

	if (order->op == TYPE1P_EMULATED_READ)
		order->data = (uintptr_t)data;
	ret = emulated_order(t->s->devices[0].fd, order);
	call_end(t->s, t->waiter, ret, now_ms() - t->waiter->began_ms);

	if (order->op == TYPE1P_EMULATED_PIN && ret > 0)
		emulated_unpin(t->s->devices[0].fd, order->iova, order->npages);
	for (at = 0; order->op == TYPE1P_EMULATED_READ && !ret && at < order->size; at += PAGE_4K) {
		memcpy(&word, data + at, sizeof(word));
		if (word != TYPE1P_EMULATED_WORD(STAMP, order->iova + at))
			fail(t->s, "%#llx: a thread has read a wrong page", order->iova + at);
	}
}

void *waiter_run(void *arg)
{
	static const enum type1p_emulated_op ops[] = {
		TYPE1P_EMULATED_PIN, TYPE1P_EMULATED_PIN,
		TYPE1P_EMULATED_READ, TYPE1P_EMULATED_WRITE,
	};
	struct type1p_emulated_order order;
	struct waiter_thread *t = arg;
	unsigned int range;

	while (!t->s->over) {
		range = call_begin(t->s, t->waiter, &t->seed);
		order = call_order(&t->seed, ops[rand_r(&t->seed) % 4], range);
		if (t->waiter->kind == BY_THREAD)
			own_call(t, &order);
		else
			job_call(t, &order);
		pause_us(&t->seed, 2000);
	}
	return NULL;
}
