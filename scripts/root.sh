# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Debian roots of our own in the cache, to install and to build in. Needs lib.sh and
# apt.sh.

# inside ROOT [--bind DIR]... [--] COMMAND [ARGS]: run COMMAND in ROOT, where each DIR is
# found as it is outside. All mounts are in a namespace that ends with it, as does
# what is in /tmp.
inside()
{
	# shellcheck disable=SC2016 # for the inner shell to expand
	LC_ALL=C DEBIAN_FRONTEND=noninteractive unshare --mount sh -euc '
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmp "$root/tmp"
		while [ "$1" = --bind ]; do
			mkdir -p "$root/$2"
			mount --rbind "$2" "$root/$2"
			shift 2
		done
		[ "$1" != -- ] || shift
		exec chroot "$root" "$@"' sh "$@"
}

# make_root ROOT PACKAGES: $suite, preferring what our_apt does, without anything that it can do without, and PACKAGES
make_root()
{
	local root=$1
	shift

	fresh_lists
	# It mounts what it may not live to unmount.
	# shellcheck disable=SC2154 # set in apt.sh
	unshare --mount debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" \
		"$(awk '{ print $3; exit }' "$apt_dir/sources.list")" >&2
	cp "$apt_dir/sources.list" "$root/etc/apt/sources.list"
	apt-config dump Acquire >"$root/etc/apt/apt.conf.d/99host"
	# Nothing boots from here: no initramfs is needed.
	mkdir -p "$root/etc/initramfs-tools"
	echo update_initramfs=no >"$root/etc/initramfs-tools/update-initramfs.conf"
	inside "$root" apt-get -qq update >&2
	inside "$root" apt-get -qq -y ${preferred:+-t "$preferred"} -o Dpkg::Options::=--force-confold \
		-o Dpkg::Options::=--force-unsafe-io install --no-install-recommends "$@" >&2
	inside "$root" apt-get clean
}
