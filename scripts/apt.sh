# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# An apt of our own: the host's mirrors and proxy settings, the suites of one
# Debian release, and state that lives in the cache. Nothing is installed, nothing
# of the host's apt is changed.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# use_suite bookworm|trixie [MACHINE]: where packages come from. Each has lists of its own,
# for they have packages of the same name. apt takes what is newest, but no backports
# unless it is told to. Those for another machine know this one's as well.
use_suite()
{
	suite=$1 machine=${2-amd64}
	# shellcheck disable=SC2154 # set in lib.sh
	case $suite in
	bookworm)	apt_dir=$cache/apt pockets=security preferred='' ;;
	trixie)		apt_dir=$cache/apt-trixie pockets="security backports" preferred=trixie-backports ;;
	*)		die "no such suite: $suite" ;;
	esac
	[ "$machine" = amd64 ] || apt_dir+=-$machine
}

use_suite bookworm

# host_mirror REGEX: the first URI by which the host's apt reaches such a suite.
host_mirror()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v want="^($1)\$" '$1 ~ want && $2 == "main" && !uri { uri = $3 } END { print uri }'
}

write_sources()
{
	local main mirror pocket names='bookworm|trixie|forky|sid|(old)*stable|testing|unstable'

	main=$(host_mirror "$names")
	[ -n "$main" ] || die "the host's apt knows no Debian mirror (apt-get indextargets shows none)"
	echo "deb [signed-by=$keyring] $main $suite main"
	for pocket in $pockets; do
		mirror=$main
		if [ "$pocket" = security ]; then
			mirror=$(host_mirror "($names)-security")
			[ -n "$mirror" ] || mirror=${main%/}-security
		fi
		echo "deb [signed-by=$keyring] $mirror $suite-$pocket main"
	done
}

# our_apt apt-get|apt-cache ARGS
our_apt()
{
	local tool=$1 machines=()
	shift
	[ "$machine" = amd64 ] ||
		machines=(-o "APT::Architecture=$machine" -o "APT::Architectures::=$machine" -o APT::Architectures::=amd64)
	"$tool" -qq "${machines[@]}" -o Dir::State="$apt_dir/state" -o Dir::State::status="$apt_dir/status" \
		-o Dir::Cache="$apt_dir/cache" -o Dir::Etc::sourcelist="$apt_dir/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Sandbox::User=root -o APT::Default-Release="$preferred" -o Acquire::Retries=3 "$@"
}

update_lists()
{
	say "reading the package lists of Debian $suite"
	mkdir -p "$apt_dir"/state/lists/partial "$apt_dir"/cache/archives/partial
	: >"$apt_dir/status"
	write_sources >"$apt_dir/sources.list"
	our_apt apt-get update >&2
	touch "$apt_dir/updated"
}

# fresh_lists: package lists no older than a day.
fresh_lists()
{
	[ -n "$(find "$apt_dir/updated" -mtime -1 2>/dev/null)" ] || locked apt update_lists
}

# depends_of PACKAGE REGEX: the names among its dependencies that match.
depends_of()
{
	our_apt apt-cache depends --no-recommends --no-suggests "$1" |
		awk -v want="^($2)\$" '/Depends:/ && $2 ~ want { print $2 }' | sort -u
}

# download DIR PACKAGE...
download()
{
	local dir=$1
	shift
	(cd "$dir" && locked apt our_apt apt-get download "$@" >&2)
}
