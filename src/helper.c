// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers: threads that work for a job as if they were its caller.
 *
 * What they use has to be charged to the caller, and they must keep to its limits:
 * CPU cgroup, cpuset, affinity, memory policy, memory cgroup, fatal signals. A thread
 * of the caller's process, a worker, does all that by its nature, and may wait in page
 * faults as the caller may. Where there is none to be had (older kernels, a process
 * that is ending), a thread of the kernel is made to look like the caller as far as
 * that goes. It does not pin what a fault might have to ask user space for, for
 * nobody could kill it: that is left to the caller.
 *
 * A worker stops with its process, by a signal, a debugger or the freezer, when it does
 * not work. The caller has to be stopped as well then, so it never waits for more
 * than the work: to have workers end is a work queue's business.
 */
#include <linux/cgroup.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "helper.h"
#include "job.h"

/* Below that much work, a helper costs more than it brings. */
#define WORKER_PAYS_NS	NSEC_PER_MSEC
/* To move a thread to the caller's cgroups stops forks and waits for RCU. */
#define THREAD_PAYS_NS	(20 * NSEC_PER_MSEC)

/* How long a process may see its workers after a job: only when it is being stopped. */
#define GONE_WAIT	msecs_to_jiffies(50)
/* How often, at the least, to look whether a worker is no longer stopped. */
#define REAP_AGAIN	msecs_to_jiffies(100)

/* Looks whether a thread has left its cgroups, most often one or two. */
#define LEAVE_LOOKS	1000

static struct workqueue_struct *reaper;

static void helper_free(struct kref *ref)
{
	struct t1p_helper *helper = container_of(ref, struct t1p_helper, ref);

	if (helper->task)
		put_task_struct(helper->task);
	kfree(helper);
}

/* Whether it is to work: once, and not when the caller has been faster. */
static bool begin(struct t1p_helper *helper)
{
	return !atomic_xchg(&helper->begun, 1);
}

#if TYPE1P_HAS_USER_WORKERS
/* A process that has a signal to attend to gets no new threads. */
static bool has_workers(void)
{
	return current->mm && !(current->flags & PF_EXITING) &&
	       !signal_pending(current);
}

/* Not all kernels keep it for as long as there is a struct vhost_task. */
static void worker_is(struct t1p_helper *helper)
{
	if (!helper->task)
		WRITE_ONCE(helper->task, get_task_struct(current));
}

/* Called over and over, about to sleep, till it is reaped. */
static bool worker_run(void *data)
{
	struct t1p_helper *helper = data;

	worker_is(helper);
	if (!begin(helper))
		return false;
	__set_current_state(TASK_RUNNING);
	t1p_job_help(helper->job, helper);
	complete_all(&helper->done);
	return true;
}

/* In place of worker_run(), or after it. */
static void worker_killed(void *data)
{
	struct t1p_helper *helper = data;

	worker_is(helper);
	WRITE_ONCE(helper->killed, true);
	begin(helper);
	complete_all(&helper->done);
}

static bool worker_start(struct t1p_helper *helper)
{
	struct vhost_task *worker;

	worker = vhost_task_create(worker_run, worker_killed, helper, "type1p");
	if (IS_ERR_OR_NULL(worker))
		return false;
	helper->worker = worker;
	/* Its code is ours for as long as it is there. */
	__module_get(THIS_MODULE);
	kref_get(&helper->ref);
	vhost_task_start(worker);
	return true;
}

/*
 * Whether it is stopped, or will be before it finds that it is to end. One that was
 * killed when it was frozen goes on looking so.
 */
static bool worker_stopped(const struct t1p_helper *helper)
{
	const struct task_struct *task = READ_ONCE(helper->task);

	if (READ_ONCE(helper->killed))
		return false;
	return !task || READ_ONCE(task->jobctl) &
			(JOBCTL_PENDING_MASK | JOBCTL_TRAP_FREEZE |
			 JOBCTL_STOPPED | JOBCTL_TRACED);
}

static void worker_reap(struct work_struct *work)
{
	struct t1p_helper *helper = container_of(to_delayed_work(work),
						 struct t1p_helper, reap);

	if (worker_stopped(helper)) {
		queue_delayed_work(reaper, &helper->reap, helper->again);
		helper->again = min(2 * helper->again, REAP_AGAIN);
		return;
	}
	vhost_task_stop(helper->worker);
	complete(&helper->gone);
	kref_put(&helper->ref, helper_free);
	module_put(THIS_MODULE);
}
#else
static bool has_workers(void)
{
	return false;
}

static bool worker_start(struct t1p_helper *helper)
{
	return false;
}

static void worker_reap(struct work_struct *work)
{
}
#endif

/* What of the caller a thread of the kernel can have. */
static int pose_as(struct task_struct *caller)
{
	int ret;

	ret = cgroup_attach_task_all(caller, current);
	if (ret)
		return ret;
	set_user_nice(current, task_nice(caller));
	return set_cpus_allowed_ptr(current, &caller->cpus_mask);
}

static int thread_run(void *data)
{
	struct t1p_helper *helper = data;
	struct t1p_job *job = helper->job;
	struct mem_cgroup *memcg = NULL, *old;

	if (begin(helper) && !pose_as(job->caller)) {
		if (job->mm)
			memcg = get_mem_cgroup_from_mm(job->mm);
		old = set_active_memcg(memcg);
		t1p_job_help(job, helper);
		set_active_memcg(old);
		mem_cgroup_put(memcg);
	}
	complete_all(&helper->done);
	return 0;
}

static bool thread_start(struct t1p_helper *helper)
{
	struct task_struct *thread;

	thread = kthread_create(thread_run, helper, "type1p/%d",
				task_pid_nr(current));
	if (IS_ERR(thread))
		return false;
	helper->thread = get_task_struct(thread);
	wake_up_process(thread);
	return true;
}

/*
 * A thread that has ended is in the caller's cgroups for a moment more. When all but it
 * are frozen by then, the cgroup does not count as frozen, and nobody looks again when
 * it has left. So the caller stays until it has.
 */
static void thread_reap(struct task_struct *thread)
{
	unsigned int looks = LEAVE_LOOKS;

	kthread_stop(thread);
	while (!compat_left_cgroups(thread) && --looks)
		usleep_range(20, 100);
	put_task_struct(thread);
}

/* What it faults in would not be where a policy of the caller's wants it. */
static bool may_have_threads(const struct t1p_job *job)
{
	return !job->mm || !compat_has_mempolicy(current);
}

/**
 * t1p_helpers_pay_ns() - how much work there must be for helpers to be of use
 * @job: the job; the caller asks
 *
 * Return: in ns of the caller's time; U64_MAX if none is to be had.
 */
u64 t1p_helpers_pay_ns(const struct t1p_job *job)
{
	if (current->flags & PF_KTHREAD)
		return U64_MAX;
	if (has_workers())
		return WORKER_PAYS_NS;
	return may_have_threads(job) ? THREAD_PAYS_NS : U64_MAX;
}

/**
 * t1p_helper_start() - have somebody help
 * @job: the job; the caller calls
 *
 * Context: may sleep.
 * Return: the helper, for t1p_helper_stop() and then t1p_helper_put(); or NULL.
 */
struct t1p_helper *t1p_helper_start(struct t1p_job *job)
{
	struct t1p_helper *helper = kzalloc(sizeof(*helper), GFP_KERNEL);
	bool started;

	if (!helper)
		return NULL;
	kref_init(&helper->ref);
	helper->job = job;
	init_completion(&helper->done);
	init_completion(&helper->gone);
	INIT_DELAYED_WORK(&helper->reap, worker_reap);
	helper->again = 1;
	/* A signal may have come since it was decided that helpers pay. */
	if (has_workers())
		started = worker_start(helper);
	else
		started = may_have_threads(job) && thread_start(helper);
	if (started)
		return helper;
	kfree(helper);
	return NULL;
}

/**
 * t1p_helper_stop() - have a helper work no more
 * @helper: the helper; its job has nothing to do for it any more, or it is told by
 *	t1p_job_go_on() that it is to end
 *
 * It does not touch the job any more when this returns.
 *
 * Context: may sleep, as long as the helper's last piece takes. The caller may hold
 * what the work does not need.
 */
void t1p_helper_stop(struct t1p_helper *helper)
{
	/* In a state in which one may be for long; who is killed takes workers along. */
	if (!begin(helper) && wait_for_completion_killable(&helper->done))
		wait_for_completion(&helper->done);
	if (helper->thread)
		thread_reap(helper->thread);
	else
		queue_delayed_work(reaper, &helper->reap, 0);
}

/**
 * t1p_helper_put() - forget a helper
 * @helper: one that was stopped
 *
 * Context: may sleep for a moment, so that a process does not see threads that it
 * does not know of for long.
 */
void t1p_helper_put(struct t1p_helper *helper)
{
	if (!helper->thread)
		wait_for_completion_timeout(&helper->gone, GONE_WAIT);
	kref_put(&helper->ref, helper_free);
}

/**
 * t1p_helpers_init() - get ready for helpers
 *
 * Return: 0 or -ENOMEM.
 */
int t1p_helpers_init(void)
{
	reaper = alloc_workqueue("type1p", WQ_UNBOUND, 0);
	return reaper ? 0 : -ENOMEM;
}

/**
 * t1p_helpers_exit() - undo t1p_helpers_init()
 *
 * No helper is left that the module would have to stay for.
 */
void t1p_helpers_exit(void)
{
	destroy_workqueue(reaper);
}
