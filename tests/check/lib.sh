# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the checks share. They run in the checkout's top directory, inside the Debian root; build directories of their own
# keep the objects of a lint run apart from those that are inserted.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../klips/scripts/lib.sh"

cd "$KLIPS_TOP"
# The checkout belongs to whoever cloned it; git, run by root, wants to be told that this is fine.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$KLIPS_TOP/.build/vm/target}
# shellcheck disable=SC2034 # for the checks
build=.build/vm

# sources PATTERN...: the tracked files, and those about to be, that match; vendored code is not ours to judge.
sources() {
	git ls-files --cached --others --exclude-standard -- "$@" | grep -v '^klips/vendor/' | while IFS= read -r file; do
		[ ! -f "$file" ] || printf '%s\n' "$file"
	done
}

# complain TEXT: fails with TEXT unless it is empty.
complain() {
	[ -z "$1" ] || die "$2
$1"
}
