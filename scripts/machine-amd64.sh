# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A PC, as scripts/vm has QEMU emulate it.

# shellcheck disable=SC2034,SC2154 # used and set by scripts/vm
{
machine_qemu=qemu-system-x86_64
machine_iommus="intel virtio amd none"
}

machine_busybox()
{
	command -v busybox
}

# Adds to args and params. The report has an interrupt of its own: shared with the
# console's, one is lost now and then, and the guest waits 30 s for it.
machine_args()
{
	local khz=1000000

	[ -n "$icount" ] || khz=$("$top/scripts/host-tsc")
	params+=" console=ttyS0 no_timer_check tsc=reliable${khz:+ tsc_early_khz=$khz}"
	args+=(-M 'q35,kernel-irqchip=split' -cpu max
		-device 'isa-serial,index=0,chardev=log' -device 'isa-serial,index=1,chardev=out'
		-device 'isa-serial,index=2,irq=5,chardev=report')
	[ -z "$coverage" ] || args+=(-chardev "file,id=coverage,path=$coverage"
		-device 'isa-serial,index=3,irq=7,chardev=coverage')
	case $iommu in
	intel)	args+=(-device 'intel-iommu,intremap=on,caching-mode=on'); params+=" intel_iommu=on" ;;
	amd)	args+=(-device amd-iommu); params+=" amd_iommu=on" ;;
	virtio)	args+=(-device virtio-iommu-pci)
		# It remaps no interrupts.
		params+=" vfio_iommu_type1.allow_unsafe_interrupts=1"
		params+=" vfio_iommu_type1p.allow_unsafe_interrupts=1" ;;
	esac
}
