# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Where install and uninstall put things.

# shellcheck disable=SC2034,SC2154 # used by those who source this; set in lib.sh
{
package=$(sed -n 's/^PACKAGE_NAME="\(.*\)"/\1/p' "$top/dkms.conf")
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
module=vfio_iommu_type1p
snippet=/etc/modprobe.d/$package.conf
}

# forget VERSION: take one version out of dkms, and its sources off the disk
forget()
{
	dkms remove -m "$package" -v "$1" --all || true
	rm -rf "/usr/src/$package-$1" "/var/lib/dkms/$package/$1"
}

known_versions()
{
	dkms status -m "$package" 2>/dev/null | sed -n "s|^$package/\([^,:]*\)[,:].*|\1|p" | sort -u
}

# What the package manager has put there is not ours to touch.
not_packaged()
{
	local deb

	for deb in "$package-dkms" type1pctl; do
		# shellcheck disable=SC2016 # dpkg-query expands it
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$deb" 2>/dev/null)" != installed ] ||
			die "the Debian package $deb is installed: first apt purge $package-dkms type1pctl"
	done
}

# vfio may be loaded before the disk with /etc and /lib is there.
renew_initramfs()
{
	! command -v update-initramfs >/dev/null || update-initramfs -u -k all ||
		say "update-initramfs failed: what is loaded at boot may be older than what is installed"
}
