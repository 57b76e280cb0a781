// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orders, and who carries them out: the caller, a kernel thread, a work item.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "emulated.h"

/**
 * struct emulated_job - an order and what it needs
 * @emu: the device
 * @order: as given
 * @lock: for @status and @began
 * @status: as far as it is
 * @began: when the call that is under way began; 0 between calls
 * @wrong: pages that this call has found wrong
 * @stop: a loop is to end
 * @ended: it has made its last call
 * @thread: who works; NULL if that is @work, or the caller
 * @work: a work item
 * @buf: READ, WRITE: what to transfer
 * @pages: PIN: what was pinned
 * @words: PIN: the first word of each
 */
struct emulated_job {
	struct emulated *emu;
	struct type1p_emulated_order order;
	spinlock_t lock;		/* status, began */
	struct type1p_emulated_status status;
	u64 began;
	u64 wrong;
	bool stop;
	struct completion ended;
	struct task_struct *thread;
	struct work_struct work;
	void *buf;
	struct page **pages;
	u64 *words;
};

static struct workqueue_struct *emulated_wq;

static void job_word(struct emulated_job *job, u64 *word, u64 iova)
{
	u64 expected = TYPE1P_EMULATED_WORD(job->order.stamp, iova);

	if (job->order.flags & TYPE1P_EMULATED_STAMP)
		*word = expected;
	else if (job->order.flags & TYPE1P_EMULATED_CHECK)
		job->wrong += *word != expected;
}

static void job_look_at_pages(struct emulated_job *job, u64 iova, int npages)
{
	u64 *word;
	int i;

	for (i = 0; i < npages; i++) {
		word = kmap_local_page(job->pages[i]);
		job_word(job, word, iova + ((u64)i << PAGE_SHIFT));
		job->words[i] = *word;
		kunmap_local(word);
	}
}

static void job_look_at_buf(struct emulated_job *job, u64 iova)
{
	u64 at = round_up(iova, PAGE_SIZE) - iova;

	for (; at + sizeof(u64) <= job->order.size; at += PAGE_SIZE)
		job_word(job, job->buf + at, iova + at);
}

static int job_call(struct emulated_job *job, u64 iova)
{
	struct emulated *emu = job->emu;
	struct type1p_emulated_order *order = &job->order;
	bool write = order->op == TYPE1P_EMULATED_WRITE;
	int ret;

	switch (order->op) {
	case TYPE1P_EMULATED_PIN:
		ret = emulated_pin(emu, iova, order->npages, order->prot,
				   job->pages);
		if (ret > 0)
			job_look_at_pages(job, iova, ret);
		if (ret > 0 && order->flags & TYPE1P_EMULATED_LOOP)
			emulated_unpin(emu, iova, ret);
		return ret;
	case TYPE1P_EMULATED_UNPIN:
		emulated_unpin(emu, iova, order->npages);
		return 0;
	}

	if (write)
		job_look_at_buf(job, iova);
	ret = vfio_dma_rw(&emu->vdev, iova, job->buf, order->size, write);
	if (!write && !ret)
		job_look_at_buf(job, iova);
	return ret;
}

static void job_step(struct emulated_job *job, u64 iova)
{
	struct type1p_emulated_status *status = &job->status;
	u64 took;
	int ret;

	spin_lock(&job->lock);
	job->began = ktime_get_ns();
	spin_unlock(&job->lock);
	job->wrong = 0;
	ret = job_call(job, iova);

	spin_lock(&job->lock);
	took = ktime_get_ns() - job->began;
	job->began = 0;
	status->longest_ns = max(status->longest_ns, took);
	status->times[min(fls64(took), TYPE1P_EMULATED_TIMES - 1)]++;
	status->wrong += job->wrong;
	status->last = ret;
	if (ret < 0)
		status->errors[min(-ret, TYPE1P_EMULATED_ERRNOS - 1)]++;
	status->calls++;
	spin_unlock(&job->lock);
}

static u64 job_stride(const struct type1p_emulated_order *order)
{
	if (order->op == TYPE1P_EMULATED_PIN)
		return (u64)order->npages << PAGE_SHIFT;
	return order->size;
}

static void job_run(struct emulated_job *job)
{
	struct type1p_emulated_order *order = &job->order;
	u64 offset = 0;

	do {
		job_step(job, order->iova + offset);
		offset += job_stride(order);
		if (offset + job_stride(order) > order->span)
			offset = 0;
		if (order->pause_us)
			usleep_range(order->pause_us, 2 * order->pause_us);
		cond_resched();
	} while (order->flags & TYPE1P_EMULATED_LOOP && !READ_ONCE(job->stop));
	complete_all(&job->ended);
}

static int job_thread(void *data)
{
	job_run(data);
	return 0;
}

static void job_work(struct work_struct *work)
{
	job_run(container_of(work, struct emulated_job, work));
}

static int job_begin(struct emulated_job *job)
{
	struct task_struct *thread;

	switch (job->order.by) {
	case TYPE1P_EMULATED_CALLER:
		job_run(job);
		return 0;
	case TYPE1P_EMULATED_WORK:
		queue_work(emulated_wq, &job->work);
		return 0;
	}

	thread = kthread_create(job_thread, job, "type1p-emulated");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	job->thread = get_task_struct(thread);
	wake_up_process(thread);
	return 0;
}

static void job_end(struct emulated_job *job)
{
	WRITE_ONCE(job->stop, true);
	if (job->thread) {
		kthread_stop(job->thread);
		put_task_struct(job->thread);
	}
	flush_work(&job->work);
}

static void job_free(struct emulated_job *job)
{
	kvfree(job->buf);
	kvfree(job->pages);
	kvfree(job->words);
	kfree(job);
}

static bool order_valid(const struct type1p_emulated_order *order)
{
	const u32 flags = TYPE1P_EMULATED_LOOP | TYPE1P_EMULATED_CHECK |
			  TYPE1P_EMULATED_STAMP;

	if (order->op > TYPE1P_EMULATED_WRITE || order->flags & ~flags ||
	    order->by > TYPE1P_EMULATED_WORK ||
	    order->size > TYPE1P_EMULATED_MAX_SIZE ||
	    order->pause_us > USEC_PER_SEC)
		return false;
	/* Of these the core complains loudly. */
	return order->op != TYPE1P_EMULATED_UNPIN ||
	       (order->npages > 0 &&
		order->npages <= VFIO_PIN_PAGES_MAX_ENTRIES);
}

static int job_alloc(struct emulated_job *job)
{
	int npages = clamp_t(int, job->order.npages, 1,
			     VFIO_PIN_PAGES_MAX_ENTRIES);

	switch (job->order.op) {
	case TYPE1P_EMULATED_PIN:
		job->pages = kvcalloc(npages, sizeof(*job->pages), GFP_KERNEL);
		job->words = kvcalloc(npages, sizeof(*job->words), GFP_KERNEL);
		return job->pages && job->words ? 0 : -ENOMEM;
	case TYPE1P_EMULATED_UNPIN:
		return 0;
	}
	job->buf = kvzalloc(max_t(size_t, job->order.size, 1), GFP_KERNEL);
	return job->buf ? 0 : -ENOMEM;
}

static struct emulated_job *job_create(struct emulated *emu, void __user *arg)
{
	struct emulated_job *job;
	int err;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return ERR_PTR(-ENOMEM);
	job->emu = emu;
	spin_lock_init(&job->lock);
	init_completion(&job->ended);
	INIT_WORK(&job->work, job_work);
	err = -EFAULT;
	if (copy_from_user(&job->order, arg, sizeof(job->order)))
		goto free;
	err = -EINVAL;
	if (!order_valid(&job->order))
		goto free;
	err = job_alloc(job);
	if (err)
		goto free;
	return job;

free:
	job_free(job);
	return ERR_PTR(err);
}

static int job_take_data(struct emulated_job *job)
{
	void __user *data = u64_to_user_ptr(job->order.data);

	if (job->order.op != TYPE1P_EMULATED_WRITE || !data)
		return 0;
	return copy_from_user(job->buf, data, job->order.size) ? -EFAULT : 0;
}

static int job_give_data(struct emulated_job *job)
{
	void __user *data = u64_to_user_ptr(job->order.data);
	int ret = job->status.last;

	if (!data || ret < 0)
		return 0;
	if (job->order.op == TYPE1P_EMULATED_PIN)
		return copy_to_user(data, job->words, ret * sizeof(u64)) ?
		       -EFAULT : 0;
	if (job->order.op == TYPE1P_EMULATED_READ)
		return copy_to_user(data, job->buf, job->order.size) ?
		       -EFAULT : 0;
	return 0;
}

int emulated_order(struct emulated *emu, void __user *arg)
{
	struct emulated_job *job = job_create(emu, arg);
	int err;

	if (IS_ERR(job))
		return PTR_ERR(job);
	err = -EINVAL;
	if (job->order.flags & TYPE1P_EMULATED_LOOP)
		goto free;
	err = job_take_data(job);
	if (err)
		goto free;
	err = job_begin(job);
	if (err)
		goto free;
	err = wait_for_completion_killable(&job->ended);
	job_end(job);
	if (err)
		goto free;

	job->order.result = job->status.last;
	err = job_give_data(job);
	if (!err && copy_to_user(arg, &job->order, sizeof(job->order)))
		err = -EFAULT;
free:
	job_free(job);
	return err;
}

int emulated_start(struct emulated *emu, void __user *arg)
{
	struct emulated_job *job = job_create(emu, arg);
	int err;

	if (IS_ERR(job))
		return PTR_ERR(job);
	err = -EINVAL;
	if (job->order.by == TYPE1P_EMULATED_CALLER)
		goto free;
	err = xa_alloc(&emu->jobs, &job->order.id, job, xa_limit_31b,
		       GFP_KERNEL);
	if (err)
		goto free;
	if (copy_to_user(arg, &job->order, sizeof(job->order)))
		err = -EFAULT;
	else
		err = job_begin(job);
	if (!err)
		return 0;
	xa_erase(&emu->jobs, job->order.id);
free:
	job_free(job);
	return err;
}

static void job_report(struct emulated_job *job,
		       struct type1p_emulated_status *status)
{
	u32 wait_ms = status->wait_ms, anew = status->anew;

	spin_lock(&job->lock);
	*status = job->status;
	if (job->began)
		status->longest_ns = max(status->longest_ns,
					 ktime_get_ns() - job->began);
	if (anew)
		memset(&job->status, 0, sizeof(job->status));
	spin_unlock(&job->lock);
	status->id = job->order.id;
	status->running = !completion_done(&job->ended);
	status->wait_ms = wait_ms;
	status->anew = anew;
}

int emulated_status(struct emulated *emu, void __user *arg)
{
	struct type1p_emulated_status *status;
	struct emulated_job *job;
	int err = -ENOENT;

	status = memdup_user(arg, sizeof(*status));
	if (IS_ERR(status))
		return PTR_ERR(status);
	mutex_lock(&emu->jobs_lock);
	job = xa_load(&emu->jobs, status->id);
	if (job) {
		wait_for_completion_killable_timeout(&job->ended,
						     msecs_to_jiffies(status->wait_ms));
		job_report(job, status);
		err = copy_to_user(arg, status, sizeof(*status)) ? -EFAULT : 0;
	}
	mutex_unlock(&emu->jobs_lock);
	kfree(status);
	return err;
}

int emulated_stop(struct emulated *emu, void __user *arg)
{
	struct type1p_emulated_status *status;
	struct emulated_job *job;
	int err = -ENOENT;

	status = memdup_user(arg, sizeof(*status));
	if (IS_ERR(status))
		return PTR_ERR(status);
	mutex_lock(&emu->jobs_lock);
	job = xa_erase(&emu->jobs, status->id);
	mutex_unlock(&emu->jobs_lock);
	if (job) {
		job_end(job);
		job_report(job, status);
		err = copy_to_user(arg, status, sizeof(*status)) ? -EFAULT : 0;
		job_free(job);
	}
	kfree(status);
	return err;
}

/* As a driver's close does: nothing of it may run on. */
void emulated_stop_all(struct emulated *emu)
{
	struct emulated_job *job;
	unsigned long id;

	xa_for_each(&emu->jobs, id, job) {
		xa_erase(&emu->jobs, id);
		job_end(job);
		job_free(job);
	}
}

int emulated_jobs_init(void)
{
	emulated_wq = alloc_workqueue("type1p-emulated", WQ_UNBOUND, 0);
	return emulated_wq ? 0 : -ENOMEM;
}

void emulated_jobs_exit(void)
{
	destroy_workqueue(emulated_wq);
}
