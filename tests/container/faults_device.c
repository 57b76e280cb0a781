// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device is taken from vfio, or from the machine, while its container has memory
 * mapped: who takes it waits till the user lets go, all works until then, and nothing
 * is left afterwards.
 */
#include <glob.h>
#include <sys/eventfd.h>

#define PCI_DRIVER	"/sys/bus/pci/drivers/vfio-pci/"
#define IN_SLOT		2	/* the edu that can be unplugged, if there is one */
#define EMULATED_DRIVER	"/sys/bus/platform/drivers/type1p-emulated/"

/*
 * A program that writes to a file of sysfs, which may take until others have let go: so
 * it must not have what we have.
 */
static pid_t child_writes(struct __test_metadata *_metadata, const char *path, const char *value)
{
	char command[192];
	pid_t child;

	snprintf(command, sizeof(command), "echo %s >%s", value, path);
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		execlp("sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return child;
}

static bool still_waits(pid_t child)
{
	usleep(100000);
	return !waitpid(child, NULL, WNOHANG);
}

FIXTURE(faults_device) {
	int fd;
	int group;
	int device;
	int request;			/* the kernel asks to let go */
	struct pci_dev dev;
	struct edu edu;
	char *mem;
	s64 pins;
};

TWO_BACKENDS(faults_device);

static int request_notice(int device, int eventfd)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_REQ_IRQ_INDEX,
			.count = 1,
		},
		.fd = eventfd,
	};

	return vfio_call(device, VFIO_DEVICE_SET_IRQS, &arg);
}

/* A container with the nth device, some of whose memory is mapped. */
static void serve(struct __test_metadata *_metadata, struct _test_data_faults_device *self,
		  enum backend backend, int nth)
{
	self->fd = container_served(_metadata, backend, VFIO_TYPE1v2_IOMMU, nth, &self->group);
	test_device(_metadata, nth, &self->dev);
	self->device = device_open(self->group, self->dev.bdf);
	ASSERT_GE(self->device, 0);
	ASSERT_EQ(0, edu_open(self->device, &self->edu));
	ASSERT_EQ(0, request_notice(self->device, self->request));
	ASSERT_EQ(0, iova_map(self->fd, self->mem, 0, SZ_1M));
}

FIXTURE_SETUP(faults_device)
{
	self->mem = touched(_metadata, SZ_1M);
	self->pins = pins_held();
	self->request = eventfd(0, EFD_CLOEXEC);
	serve(_metadata, self, variant->backend, 0);
}

static void let_go(struct _test_data_faults_device *self)
{
	edu_close(&self->edu);
	close(self->device);
	self->device = -1;
}

FIXTURE_TEARDOWN(faults_device)
{
	let_go(self);
	close(self->group);
	close(self->fd);
	close(self->request);
	/* Its group takes whoever comes next. */
	file_write("/sys/bus/pci/rescan", "1");
	test_device(_metadata, 0, &self->dev);
}

/* The user is told, and may go on in the meantime. */
static void expect_asked(struct __test_metadata *_metadata, struct _test_data_faults_device *self,
			 pid_t child)
{
	struct pollfd poll_for = { .fd = self->request, .events = POLLIN };
	const size_t len = 256;

	ASSERT_EQ(1, poll(&poll_for, 1, PATIENCE_MS));
	EXPECT_TRUE(still_waits(child));
	mem_fill(self->mem, len, 1);
	EXPECT_EQ(0, edu_from_memory(&self->edu, 0, len));
	EXPECT_EQ(0, edu_to_memory(&self->edu, PAGE_4K, len));
	EXPECT_EQ(len, mem_check(self->mem + PAGE_4K, len, 1));
	EXPECT_EQ(0, iova_map(self->fd, self->mem, SZ_1M, SZ_1M));
	EXPECT_EQ(2 * SZ_1M, mem_locked());
	expect_unmap(_metadata, self->fd, SZ_1M, SZ_1M, SZ_1M);
	EXPECT_TRUE(still_waits(child));
}

/* The group has gone with its device, and with it all that was mapped; that is clear. */
static void expect_lost(struct __test_metadata *_metadata, struct _test_data_faults_device *self,
			pid_t child)
{
	struct container_info info;

	let_go(self);
	EXPECT_EQ(0, child_status(child, 0));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(-EINVAL, container_info(self->fd, &info));
	EXPECT_EQ(-EINVAL, iova_map(self->fd, self->mem, 0, PAGE_4K));
	EXPECT_GT(0, device_open(self->group, self->dev.bdf));
	close(self->group);
	close(self->fd);
}

/* Another life, for container and device. */
static void expect_usable(struct __test_metadata *_metadata, struct _test_data_faults_device *self,
			  enum backend backend)
{
	serve(_metadata, self, backend, 0);
	EXPECT_EQ(0, edu_from_memory(&self->edu, 0, 256));
}

TEST_F_TIMEOUT(faults_device, s11_unbound, 120)
{
	pid_t child = child_writes(_metadata, PCI_DRIVER "unbind", self->dev.bdf);

	expect_asked(_metadata, self, child);
	expect_lost(_metadata, self, child);
	expect_usable(_metadata, self, variant->backend);
}

TEST_F_TIMEOUT(faults_device, s11_removed, 120)
{
	struct pci_dev dev;
	char path[80];
	pid_t child;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", self->dev.bdf);
	child = child_writes(_metadata, path, "1");
	expect_asked(_metadata, self, child);
	expect_lost(_metadata, self, child);
	EXPECT_NE(0, pci_dev_read(self->dev.bdf, &dev));
	ASSERT_EQ(0, file_write("/sys/bus/pci/rescan", "1"));
	expect_usable(_metadata, self, variant->backend);
}

/* Where its slot can be switched off, and how: false if it is in none. */
static bool slot_switch(const char *bdf, char *path, size_t len)
{
	char address[PCI_BDF_LEN];
	bool found = false;
	glob_t slots;
	size_t i;
	FILE *f;

	if (glob("/sys/bus/pci/slots/*/address", 0, NULL, &slots))
		return false;
	for (i = 0; i < slots.gl_pathc && !found; i++) {
		f = fopen(slots.gl_pathv[i], "re");
		if (!f)
			continue;
		/* Without the function's number */
		found = fscanf(f, "%15s", address) == 1 &&
			!strncmp(address, bdf, strlen(address));
		fclose(f);
		snprintf(path, len, "%.*s/power",
			 (int)(strrchr(slots.gl_pathv[i], '/') - slots.gl_pathv[i]),
			 slots.gl_pathv[i]);
	}
	globfree(&slots);
	return found;
}

/* By the controller of its slot; QEMU does not plug it in again. */
TEST_F_TIMEOUT(faults_device, s11_unplugged, 120)
{
	struct pci_dev dev;
	char path[80];
	pid_t child;

	if (variant->backend == BACKEND_INTREE)
		SKIP(return, "only once");
	if (pci_find_id(EDU_VENDOR, EDU_DEVICE, IN_SLOT, &dev) ||
	    !slot_switch(dev.bdf, path, sizeof(path)))
		SKIP(return, "needs a third edu, in a slot for hotplug");
	let_go(self);
	close(self->group);
	close(self->fd);
	serve(_metadata, self, variant->backend, IN_SLOT);
	child = child_writes(_metadata, path, "0");
	expect_asked(_metadata, self, child);
	expect_lost(_metadata, self, child);
	ASSERT_EQ(0, file_write("/sys/bus/pci/rescan", "1"));
	EXPECT_NE(0, pci_dev_read(dev.bdf, &dev));
	expect_usable(_metadata, self, variant->backend);
}

/* Whose user is killed lets go. */
TEST_F_TIMEOUT(faults_device, s11_removed_and_killed, 120)
{
	char path[80];
	pid_t child, user;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", self->dev.bdf);
	user = fork();
	ASSERT_GE(user, 0);
	if (!user) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		iova_map(self->fd, self->mem, SZ_1M, SZ_1M);
		pause();
	}
	let_go(self);
	close(self->group);
	close(self->fd);
	child = child_writes(_metadata, path, "1");
	EXPECT_TRUE(still_waits(child));
	end(user);
	EXPECT_EQ(0, child_status(child, 0));
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	ASSERT_EQ(0, file_write("/sys/bus/pci/rescan", "1"));
	expect_usable(_metadata, self, variant->backend);
}

/* An emulated device, alone in its container or beside one of an IOMMU. */
FIXTURE(faults_emulated) {
	int fd;
	int group;
	int device;
	char *mem;
	s64 pins;
};

TWO_BACKENDS(faults_emulated);

FIXTURE_SETUP(faults_emulated)
{
	if (variant->backend == BACKEND_INTREE && kernel_has_lockdep())
		SKIP(return, "in-tree, lockdep reports a known deadlock");
	if (access(EMULATED_DRIVER "unbind", F_OK))
		SKIP(return, "needs a driver that can be unbound");
	self->mem = stamped(_metadata, 0, SZ_1M, 7);
	self->pins = pins_held();
	self->fd = emulated_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				   &self->group);
	self->device = emulated_open(self->group, 0);
	ASSERT_GE(self->device, 0);
	ASSERT_EQ(0, iova_map(self->fd, self->mem, 0, SZ_1M));
	ASSERT_EQ(4, emulated_pin(self->device, 0, 4, PROT_RW_EMULATED, NULL));
}

FIXTURE_TEARDOWN(faults_emulated)
{
	close(self->device);
	close(self->group);
	close(self->fd);
	file_write(EMULATED_DRIVER "bind", "type1p-emulated.0");
}

/* The driver is being taken off; the device serves on, till it is closed. */
static void unbind_emulated(struct __test_metadata *_metadata,
			    struct _test_data_faults_emulated *self)
{
	pid_t child = child_writes(_metadata, EMULATED_DRIVER "unbind", "type1p-emulated.0");
	u64 word = 0;

	EXPECT_TRUE(still_waits(child));
	EXPECT_EQ(0, emulated_read(self->device, PAGE_4K, &word, sizeof(word)));
	EXPECT_EQ(TYPE1P_EMULATED_WORD(7, PAGE_4K), word);
	EXPECT_EQ(4, emulated_pin(self->device, SZ_1M / 2, 4, PROT_RW_EMULATED, NULL));
	EXPECT_TRUE(still_waits(child));
	close(self->device);
	self->device = -1;
	EXPECT_EQ(0, child_status(child, 0));
}

TEST_F_TIMEOUT(faults_emulated, s11_unbound, 120)
{
	struct container_info info;

	EXPECT_EQ(4 * PAGE_4K, mem_locked());
	unbind_emulated(_metadata, self);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	EXPECT_EQ(-EINVAL, container_info(self->fd, &info));
	EXPECT_EQ(-EINVAL, iova_map(self->fd, self->mem, SZ_1M, PAGE_4K));
	close(self->group);
	close(self->fd);

	ASSERT_EQ(0, file_write(EMULATED_DRIVER "bind", "type1p-emulated.0"));
	self->fd = emulated_served(_metadata, variant->backend, VFIO_TYPE1v2_IOMMU, 0,
				   &self->group);
	self->device = emulated_open(self->group, 0);
	ASSERT_GE(self->device, 0);
	EXPECT_EQ(0, iova_map(self->fd, self->mem, 0, SZ_1M));
	EXPECT_EQ(4, emulated_pin(self->device, 0, 4, PROT_RW_EMULATED, NULL));
}

/* What is behind an IOMMU is there as before. */
TEST_F_TIMEOUT(faults_emulated, s11_unbound_beside_an_iommu, 120)
{
	int group = iommu_joins(_metadata, self->fd);

	EXPECT_EQ(SZ_1M, mem_locked());
	unbind_emulated(_metadata, self);
	EXPECT_EQ(SZ_1M, mem_locked());
	EXPECT_EQ(self->pins + SZ_1M / PAGE_4K, pins_held());
	EXPECT_EQ(ENTRY_LIMIT - 1, dma_avail(self->fd));
	expect_unmap(_metadata, self->fd, 0, SZ_1M, SZ_1M);
	EXPECT_EQ(0, mem_locked());
	EXPECT_EQ(self->pins, pins_held());
	close(group);
}
