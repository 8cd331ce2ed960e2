# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the project's scripts share: messages, timed steps, the cache directory and its locks. Sourced, never run.
# Messages go to standard error, so that a script's standard output stays its answer.

# shellcheck disable=SC2034 # for those who source this
KLIPS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() {
	printf '%s\n' "klips: $*" >&2
}

# die SENTENCE...: one sentence that names what is wrong, and the end.
die() {
	printf '%s\n' "klips: $*" >&2
	exit 1
}

# step TITLE COMMAND...: runs COMMAND with its output kept aside, says what is being done and how long it took, and
# shows the end of the output when it fails.
step() {
	local title=$1 began=$SECONDS log status=0
	shift
	log=$(mktemp)
	say "$title ..."
	"$@" >"$log" 2>&1 </dev/null || status=$?
	if [ "$status" -ne 0 ]; then
		tail -n 40 "$log" >&2
		say "$title: failed with status $status after $((SECONDS - began)) s"
	else
		say "$title: $((SECONDS - began)) s"
	fi
	rm -f "$log"
	return "$status"
}

# iplink_dir: where ip(8) looks for plugins; Debian's looks among the libraries of its architecture.
iplink_dir() {
	local dir
	dir=/usr/lib/$(uname -m)-linux-gnu
	[ -d "$dir" ] || dir=/usr/lib
	printf '%s\n' "$dir/ip"
}

# cache_dir: where everything that is expensive to make and cheap to remake lives; outside of any checkout.
cache_dir() {
	printf '%s\n' "${KLIPS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/klips}"
}

# lock_cache NAME: waits for, and then holds until this shell ends, the cache's lock of that name. Children inherit the
# lock, so work that outlives a killed script still keeps others out of its way.
lock_cache() {
	local cache
	cache=$(cache_dir)
	mkdir -p "$cache" || die "the cache directory $cache cannot be made; set KLIPS_CACHE to one that can."
	lock "$cache/$1.lock" "another run is preparing $1; waiting for it"
}

# lock FILE MESSAGE: takes the lock, at the latest after saying MESSAGE and waiting; LOCK is the descriptor that holds it.
lock() {
	exec {LOCK}>"$1"
	if ! flock --nonblock "$LOCK"; then
		say "$2"
		flock "$LOCK"
	fi
}

# key_of: a short name for whatever comes in on standard input.
key_of() {
	sha256sum | cut -c1-12
}
