// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors on order: a name written to /sys/module/flaws/parameters/commit commits
 * that error, so that tests/runner/detectors can see whether the kernel notices
 * it and the runner hears of it.
 */
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

/* Beyond what the compiler can foresee. */
static int seven = 7;
static int forty = 40;
static struct {
	int array[4];
	int more[8];
} table;

static int lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

static int atomic_sleep(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
	return 0;
}

static int hang(void)
{
	schedule_timeout_uninterruptible(20 * HZ);
	return 0;
}

static int bounds(void)
{
	return READ_ONCE(table.array[READ_ONCE(seven)]) ? -EIO : 0;
}

static int shift(void)
{
	return (1 << READ_ONCE(forty)) == -1 ? -EIO : 0;
}

static int list(void)
{
	LIST_HEAD(head);
	LIST_HEAD(entry);

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
	return 0;
}

static void expired(struct timer_list *timer)
{
}

static int object(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return -ENOMEM;
	timer_setup(timer, expired, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
	return 0;
}

static int use_after_free(void)
{
	char *memory = kmalloc(64, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	kfree(memory);
	OPTIMIZER_HIDE_VAR(memory);
	return READ_ONCE(memory[8]) == 1 ? -EIO : 0;
}

static int beyond_vmalloc(void)
{
	char *memory = vmalloc(100);
	int value;

	if (!memory)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(memory);
	value = READ_ONCE(memory[200]);
	vfree(memory);
	return value == 1 ? -EIO : 0;
}

/* Several: a stale pointer somewhere may hide one. */
static int leak(void)
{
	int i;

	for (i = 0; i < 10; i++)
		if (!kzalloc(200, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static unsigned int shared;

static int racer(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		barrier();
		cond_resched();
	}
	return 0;
}

static int race(void)
{
	struct task_struct *task = kthread_run(racer, NULL, "racer");
	unsigned long end = jiffies + 3 * HZ;

	if (IS_ERR(task))
		return PTR_ERR(task);
	while (time_before(jiffies, end)) {
		shared++;
		barrier();
		cond_resched();
	}
	return kthread_stop(task);
}

#if IS_ENABLED(CONFIG_IOMMU_DEBUG_PAGEALLOC)
/* A page is freed that a device can still write to. */
static int mapped(void)
{
	struct pci_dev *pdev = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, NULL);
	struct iommu_domain *domain;
	struct page *page;
	int ret;

	while (pdev && !device_iommu_mapped(&pdev->dev))
		pdev = pci_get_device(PCI_ANY_ID, PCI_ANY_ID, pdev);
	if (!pdev)
		return -ENODEV;
	domain = iommu_paging_domain_alloc(&pdev->dev);
	pci_dev_put(pdev);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ret = iommu_map(domain, SZ_1M, page_to_phys(page), PAGE_SIZE, IOMMU_READ, GFP_KERNEL);
	__free_page(page);
	iommu_unmap(domain, SZ_1M, PAGE_SIZE);
	iommu_domain_free(domain);
	return ret;
}
#else
static int mapped(void)
{
	return -EOPNOTSUPP;
}
#endif

/* No flaw: for failure on order. */
static int allocate(void)
{
	void *memory = kmalloc(64, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	kfree(memory);
	return 0;
}

static const struct {
	const char *name;
	int (*commit)(void);
} flaws[] = {
	{ "lock-order", lock_order },
	{ "atomic-sleep", atomic_sleep },
	{ "hang", hang },
	{ "bounds", bounds },
	{ "shift", shift },
	{ "list", list },
	{ "object", object },
	{ "use-after-free", use_after_free },
	{ "beyond-vmalloc", beyond_vmalloc },
	{ "leak", leak },
	{ "race", race },
	{ "mapped", mapped },
	{ "allocate", allocate },
};

static int commit_set(const char *name, const struct kernel_param *param)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flaws); i++)
		if (sysfs_streq(name, flaws[i].name))
			return flaws[i].commit();
	return -EINVAL;
}

static const struct kernel_param_ops commit_ops = { .set = commit_set };

module_param_cb(commit, &commit_ops, NULL, 0200);
MODULE_DESCRIPTION("Errors on order, for the test of the debug kernel");
MODULE_LICENSE("GPL");
