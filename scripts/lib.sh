# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script here shares: where things are kept, how to say something,
# and how two runs at once stay out of each other's way.

set -euo pipefail

# shellcheck disable=SC2034 # used by those who source this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${TYPE1P_CACHE:-/var/cache/type1p}

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

need_root()
{
	[ "$(id -u)" = 0 ] || die "must be root"
}

need_cache()
{
	mkdir -p "$cache" 2>/dev/null || true
	[ -w "$cache" ] ||
		die "cannot write to $cache: run as root, or set TYPE1P_CACHE to a directory of yours"
}

# locked NAME COMMAND [ARGS]: run COMMAND while nobody else runs one under NAME.
locked()
{
	local name=$1
	shift
	need_cache
	(
		if ! flock -n 9; then
			say "waiting for another run to finish with '$name'"
			flock 9
		fi
		"$@" 9>&-
	) 9>"$cache/.lock-$name"
}

# Debian's stock kernels that we know, by series, oldest first.
# shellcheck disable=SC2034 # used by those who source this
stock_kernels="6.1 6.12 7.3"

# What scripts/check-matrix adds to them: Debian 13's own, other flavours, another machine.
# shellcheck disable=SC2034 # used by those who source this
matrix_kernels="6.12-trixie 6.1-rt 6.12-rt 7.3-rt 6.1-cloud 6.12-cloud 7.3-cloud 6.1-arm64 6.12-arm64 7.3-arm64"

# Those that scripts/small-kernel builds.
small_kernels="debug debug-7.3 kcsan kcsan-7.3 kcsanmod iommufd"

# is_kernel_name NAME: one that fetch-kernel knows, not a path
is_kernel_name()
{
	case " $stock_kernels $matrix_kernels $small_kernels " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

# suite_of KERNEL: the Debian release that has it, and the tools to build for it
suite_of()
{
	case $1 in
	7.*|*-7.*|*-trixie)	echo trixie ;;
	*)			echo bookworm ;;
	esac
}

# arch_of KERNEL: the machine that it is for, in Debian's words
arch_of()
{
	case $1 in
	*-arm64)	echo arm64 ;;
	*)		echo amd64 ;;
	esac
}

# iommu_of KERNEL: the one that the machine is tested with first
iommu_of()
{
	case $(arch_of "$1") in
	arm64)	echo smmuv3 ;;
	*)	echo intel ;;
	esac
}

# packages_of MACHINE: what scripts/setup is to install besides, to build and test for it
packages_of()
{
	case $1 in
	arm64)	echo "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm ipxe-qemu" ;;
	esac
}

# programs_of MACHINE: where the test programs for it are
programs_of()
{
	case $1 in
	amd64)	echo "$top/tests/build" ;;
	*)	echo "$top/tests/build/$1" ;;
	esac
}

# kbuild KERNEL KDIR DIR [MAKE-ARGUMENTS]: the kernel's make for the module in DIR, with
# the tools of that kernel's Debian release
kbuild()
{
	local kernel=$1 kdir=$2 dir=$3
	shift 3

	[ "$(arch_of "$kernel")" != arm64 ] || set -- CROSS_COMPILE=aarch64-linux-gnu- "$@"
	if [ "$(suite_of "$kernel")" = trixie ]; then
		"$top/scripts/trixie-root" --bind "$dir" make -C "$kdir" M="$dir" "$@"
	else
		make -C "$kdir" M="$dir" "$@"
	fi
}

# usage FILE: the comment block at the top of a script is its --help text.
usage()
{
	sed -n '/^# SPDX/d; 1d; /^#/!q; s/^# \{0,1\}//p' "$1"
}
