# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Runs test suites one after the other and keeps their results, as TAP, for
# tap-summary. A suite is any command: one that prints no TAP counts as a single
# test, and an exit status that no "not ok" accounts for is a failure too.

# shellcheck disable=SC2154 # set in lib.sh
results=$top/build/check

start_suites()
{
	rm -rf "$results"
	mkdir -p "$results"
}

# suite NAME COMMAND [ARGS]
suite()
{
	local name=$1 file=$results/$1.tap start=$SECONDS status=0 tries=3
	shift
	printf '== %s\n' "$name"
	"$@" >"$file" 2>&1 </dev/null || status=$?
	# That was the emulator's fault, and is not hushed up.
	while [ "$status" = 119 ] && [ $((tries -= 1)) -gt 0 ]; do
		echo "   QEMU ran outdated code of the guest's kernel: once more"
		status=0
		"$@" >"$file" 2>&1 </dev/null || status=$?
	done

	if ! grep -qE '^(not )?ok ' "$file" && [ "$status" = 0 ]; then
		echo "ok 1 - $name" >>"$file"
	elif [ "$status" != 0 ] && ! grep -q '^not ok ' "$file"; then
		echo "not ok - exit status $status" >>"$file"
	fi
	"$top/scripts/tap-summary" "$file" | sed "s/^/   /; \$s/\$/ ($((SECONDS - start)) s)/" || true
}

# Closes with the sum of all; returns 1 if anything failed.
sum_up()
{
	printf '== all suites (%d s), results in %s\n' "$SECONDS" "$results"
	"$top/scripts/tap-summary" "$results"/*.tap
}
