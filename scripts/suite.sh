# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Runs test suites one after the other and keeps their results, as TAP, for
# tap-summary. A suite is any command: one that prints no TAP counts as a single
# test, and an exit status that no "not ok" accounts for is a failure too.
#
# What a test expects "by then" an emulated machine may miss when its host is busy
# elsewhere. In a suite that can do its tests one by one ($pick), a test that fails is
# done again three times, on its own, and if it never fails again it is unsteady: not a
# failure, but said aloud with all that it had to say. That holds for the verdicts of
# tests alone (exit status 1), and a few of them: what a kernel complains of, a leak, a
# hang or a crash happened, however seldom; as did what other suites find, wrong bytes
# in a live update or a difference to the in-tree driver.

# shellcheck disable=SC2154 # set in lib.sh
results=$top/build/check

# More of them are no accident.
unsteady_most=2

start_suites()
{
	rm -rf "$results"
	mkdir -p "$results"
}

failed_tests()
{
	sed -nE 's/\r$//; s/ # .*//; s/^not ok [0-9]* *(- )?//p' "$1"
}

# steady FILE COMMAND [ARGS]: whether the failures in FILE come again
steady()
{
	local file=$1 tests args=() test try again
	shift
	[ -n "${pick-}" ] || return 0
	mapfile -t tests < <(failed_tests "$file")
	[ ${#tests[@]} -gt 0 ] && [ ${#tests[@]} -le "$unsteady_most" ] || return 0
	for test in "${tests[@]}"; do
		args+=("$pick" "$test")
	done
	for try in 1 2 3; do
		printf '   failed: %s: again, %d of 3\n' "${tests[*]}" "$try"
		again=${file%.tap}.again$try
		"$@" "${args[@]}" >"$again" 2>&1 </dev/null || return 0
		# None that it does not know is good for that.
		[ "$(grep -c '^ok ' "$again")" = ${#tests[@]} ] || return 0
	done
	return 1
}

# suite NAME COMMAND [ARGS]; where $pick is set, "$pick TEST" behind it picks a test
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
	elif [ "$status" = 1 ] && ! steady "$file" "$@"; then
		sed -i -E 's/\r$//; s/^not (ok .*)/\1 # UNSTEADY/' "$file"
	fi
	"$top/scripts/tap-summary" "$file" | sed "s/^/   /; \$s/\$/ ($((SECONDS - start)) s)/" || true
}

# Closes with the sum of all; returns 1 if anything failed.
sum_up()
{
	printf '== all suites (%d s), results in %s\n' "$SECONDS" "$results"
	"$top/scripts/tap-summary" "$results"/*.tap
}
