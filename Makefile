# SPDX-License-Identifier: GPL-2.0-only
#
# Kbuild builds the module; this has the commands around it.

KVER ?= 6.1 6.12 7.3
STEPS ?= 20000
SECONDS ?= 60
# It means something to bash.
unexport SECONDS

define HELP
As root (they install what they need with apt, and keep downloads in
$${TYPE1P_CACHE:-/var/cache/type1p}):

  make demo         stock Debian 6.12 in QEMU: our module, NVMe and edu doing DMA, live updates
  make check        all tests, on stock 6.1, 6.12 and 7.3
  make check-debug  tests on a kernel with KASAN, lockdep, kmemleak and more, which
                    is built at first (15 to 30 minutes)
  make check-matrix tests on other kernels: Debian 13's 6.12, rt, cloud, arm64
                    (docs/matrix.md); scripts/check-matrix 6.1-rt: one of them
  make install      the module for this machine's kernels, by dkms, and the tools
  make uninstall    the undoing of that
  make deb          Debian packages of both: build/deb (scripts/deb trixie: Debian 13)

  make modules      build/RELEASE/vfio_iommu_type1p.ko; KVER=6.1, 6.12, 7.3, debug,
                    host or a directory of kernel headers (default: $(KVER))
  make programs     tests/build: the exercise and live-update tools, the tests
  make unit         run the unit tests
  make fuzz         random requests to our module and to the in-tree one must not differ:
                    KVER=6.12 STEPS=200000 SEED=1 (defaults: all, $(STEPS), the time)
  make race         all that can be done to containers, by many threads and processes at
                    once, while what devices find is checked: KVER=debug SECONDS=3600
                    SEED=1 (defaults: all three, $(SECONDS), the time)
  make bench        type1p, the in-tree driver and the kernel's own calls compared: an
                    hour or more; scripts/bench --help has shorter ways
  make lint         checkpatch, sparse, W=1, shellcheck
  make check-dkms   install and uninstall in a clean Debian 12 root (scripts/check-dkms
                    trixie: Debian 13)
  make check-install
                    installed, upgraded and removed on a whole Debian 12, from source and
                    as packages; takes a while (scripts/check-install trixie: Debian 13)
  make clean

scripts/vm --help tells how to run anything else in such a guest.
endef

help:
	$(info $(HELP))
	@:

modules:
	@for kver in $(KVER); do scripts/build-module $$kver || exit; done

programs:
	@$(MAKE) --no-print-directory -C tests programs

fuzz:
	@for kver in $(KVER); do \
		scripts/fuzz $$kver --steps $(STEPS) $(if $(SEED),--seed $(SEED)) || exit; done

race:
	@for kver in $(KVER); do \
		scripts/race $$kver --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) || exit; done

unit lint demo bench check check-debug check-matrix check-dkms check-install deb install uninstall:
	@scripts/$@

clean:
	rm -rf build tests/build tools/build

.PHONY: help modules programs fuzz race unit lint demo bench check check-debug check-matrix check-dkms check-install deb install uninstall clean
