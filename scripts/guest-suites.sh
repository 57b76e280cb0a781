# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The test suites that run in a guest, each on any kernel: for scripts that run suites
# (suite.sh). $programs is where the test programs for its machine are; $watched what
# scripts/vm is told besides of a kernel that watches us closely. What a suite is given
# after its kernel and IOMMU is its program's.

# shellcheck disable=SC2154,SC2034 # set in lib.sh, and read by suite.sh
programs=$(programs_of amd64)
watched=()
# From boot on: QEMU 7.2 hangs now and then when a running kernel patches itself.
traced="trace_event=iommu:map trace_options=norecord-cmd"

vm()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ ${#watched[@]} = 0 ] || options+=("${watched[@]}" --coverage "$results/$suite.lines")
	"$top/scripts/vm" --log "$results/$suite-kernel.log" --add "$programs/$program" \
		"${options[@]}" "$@"
}

# The container ABI on both backends, with devices that do DMA.
container()
{
	local kernel=$1 iommu=$2 suite=container-$1-$2 program=type1p-container-test pick=-r edu=edu
	local traced=$traced slot=()
	# There the window for interrupts is amid the addresses that edu has by default.
	[ "$(arch_of "$kernel")" != arm64 ] || edu+=,dma_mask=-1
	# With an event traced from boot on, that kernel does not get to its second CPU.
	[ "$kernel" != 7.3-rt ] || traced=
	# QEMU 7.2's AMD IOMMU takes every device for one of the first bus.
	[ "$iommu" = amd ] ||
		slot=(--device "pcie-root-port,id=rp,chassis=1,slot=1" --device "$edu,bus=rp")
	suite "$suite" vm --kernel "$kernel" --iommu "$iommu" --mem 3G --timeout 1200 \
		--numa --append secretmem.enable=1 --append "$traced" --device "$edu" \
		--device "$edu" --device nvme --device bochs-display "${slot[@]}" -- \
		"$program" "${@:3}"
}

# Trace points, on one CPU: to turn them on patches the running kernel.
traces()
{
	local kernel=$1 suite=traces-$1 program=type1p-container-test
	suite "$suite" vm --kernel "$kernel" --smp 1 --device edu -- "$program" -f traces
}

# What the module makes of a vfio core that it does not know.
guard()
{
	local kernel=$1 suite=guard-$1 program=type1p-guard-test
	suite "$suite" vm --kernel "$kernel" --smp 1 -- "$program"
}

# Who waits for a vaddr, and all that can happen meanwhile.
waiters()
{
	local kernel=$1 suite=waiters-$1 program=type1p-waiters
	suite "$suite" vm --kernel "$kernel" -- "$program" --seconds 25 "${@:2}"
}

exercise()
{
	local kernel=$1 iommu=$2 suite=exercise-$1-$2 program=type1p-exercise
	suite "$suite" vm --kernel "$kernel" --iommu "$iommu" --device nvme --device edu \
		--device e1000e -- "$program" --backend type1p --destructive \
		--device 0000:00:10.0 --device 0000:00:11.0 --device 0000:00:12.0
}

# A program that is replaced while devices, and drivers in the kernel, work.
live_update()
{
	local kernel=$1 suite=live-update-$1 program=type1p-live-update
	suite "$suite" vm --kernel "$kernel" --device nvme --device edu -- "$program" --hold 3 \
		--device 0000:00:10.0 --device 0000:00:11.0
}

