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
