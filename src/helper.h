/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers: threads that work for a job as if they were its caller.
 */
#ifndef TYPE1P_HELPER_H
#define TYPE1P_HELPER_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct t1p_job;
struct task_struct;
struct vhost_task;

/**
 * struct t1p_helper - one thread
 * @ref: held by the caller of the job, and till the thread has gone
 * @next: the job's next helper
 * @job: the job; to be touched by who has begun, before @done
 * @begun: the thread works for the job, or has; or it must not begin any more
 * @done: it does not work any more
 * @returned: 1 more than the piece that it could not do, and the caller has to; or 0
 * @thread: a thread of the kernel; or NULL, and then what follows counts
 * @worker: a thread of the caller's process
 * @task: the same once it runs, with a reference
 * @killed: it ends by itself
 * @reap: what ends it
 * @again: how long that is to wait if it has to try again, in jiffies
 * @gone: it has ended
 */
struct t1p_helper {
	struct kref ref;
	struct t1p_helper *next;
	struct t1p_job *job;
	atomic_t begun;
	struct completion done;
	unsigned long returned;
	struct task_struct *thread;
	struct vhost_task *worker;
	struct task_struct *task;
	bool killed;
	struct delayed_work reap;
	unsigned long again;
	struct completion gone;
};

int t1p_helpers_init(void);
void t1p_helpers_exit(void);
u64 t1p_helpers_pay_ns(const struct t1p_job *job);
struct t1p_helper *t1p_helper_start(struct t1p_job *job);
void t1p_helper_stop(struct t1p_helper *helper);
void t1p_helper_put(struct t1p_helper *helper);

#endif /* TYPE1P_HELPER_H */
