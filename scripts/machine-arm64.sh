# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# An arm64 server, as scripts/vm has QEMU emulate it.

# shellcheck disable=SC2034,SC2154 # used and set by scripts/vm
{
machine_qemu=qemu-system-aarch64
machine_iommus="smmuv3 none"
}

machine_busybox()
{
	echo "$("$top/scripts/fetch-tools" arm64)/bin/busybox"
}

# Adds to args and params. The console is not a ttyS here: one of those that nothing is
# written to makes the others have the same names as on a PC. The architecture's own way
# to sign pointers takes an emulator longer than all else.
machine_args()
{
	local board=virt,gic-version=3

	[ "$iommu" = none ] || board+=,iommu=$iommu
	params+=" console=ttyAMA0"
	args+=(-M "$board" -cpu 'max,pauth-impdef=on' -serial 'chardev:log'
		-chardev "null,id=nothing" -device "pci-serial,chardev=nothing"
		-device "pci-serial,chardev=out" -device "pci-serial,chardev=report")
}
