# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Adding up results. Every runner of the project ends with a line "N passed, M failed"; sourced by those that run runners.

passed=0
failed=0

# count TITLE COMMAND...: runs COMMAND, shows its output as it comes, and adds its last count to the totals. A runner that
# fails without having counted a failure (it did not start, the guest's kernel complained) counts as one.
count() {
	local title=$1 log status=0 p='' f=''
	shift
	log=$(mktemp)
	printf '=== %s\n' "$title"
	"$@" </dev/null 2>&1 | tee "$log" || status=$?
	read -r p f < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" | tail -n 1) || true
	rm -f "$log"
	if [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then
		f=1
		printf '%s: ended with status %s\n' "$title" "$status"
	fi
	passed=$((passed + ${p:-0}))
	failed=$((failed + ${f:-0}))
}

# total: the closing line, and the verdict.
total() {
	printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
