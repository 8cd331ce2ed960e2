# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Steps, captures and tidying for tests/demo/run.

failures=0
steps=0
tmp=
captures=()
logs=()
started=$(date +%s)

# Runs a command in a namespace: as `ip netns exec` does, without a mount namespace, and several times as fast.
inside() { # NS COMMAND...
	nsenter --net="/run/netns/$1" "${@:2}"
}

title() {
	printf '\n%s\n' "$1"
}

indent() {
	sed 's/^/    /'
}

failed() {
	failures=$((failures + 1))
	printf '  %-76s FAILED\n' "$1"
}

# step TEXT COMMAND...: runs COMMAND; its output is shown only when it fails.
step() {
	local text=$1
	shift
	steps=$((steps + 1))
	if "$@" >"$tmp/step" 2>&1; then
		printf '  %-76s ok\n' "$text"
		return 0
	fi
	failed "$text"
	echo "  What was seen:"
	head -n 40 "$tmp/step" | indent
	what_gateway_a_knows
	return 1
}

# For whoever has to find out why: the state of the gateway, if it is there.
what_gateway_a_knows() {
	local file
	[ -e /run/netns/gatewayA ] || return 0
	for file in tncfg eroute/all spi/all stats/drops; do
		echo "  gateway A: /proc/net/ipsec/$file"
		inside gatewayA cat "/proc/net/ipsec/$file" 2>&1 | grep -v ' 0$' | indent
	done
	echo "  gateway A: ip -s link show ipsec0"
	ip -n gatewayA -s link show ipsec0 2>&1 | indent
	echo "  gateway B: /proc/net/xfrm_stat, without zeros"
	inside gatewayB cat /proc/net/xfrm_stat 2>&1 | awk '$2 != 0' | indent
	echo "  the kernel's log ends:"
	dmesg 2>/dev/null | tail -n 8 | indent
}

# Shows what the last step has printed.
show_step() {
	indent <"$tmp/step"
}

# capture NS DEVICE DIRECTION FILE [OPTION...]: starts tcpdump.
capture() {
	nsenter --net="/run/netns/$1" tcpdump -nn -i "$2" -Q "$3" -s 128 -B 8192 -w "$4" "${@:5}" 2>"$4.log" &
	captures+=($!)
	logs+=("$4.log")
}

# Waits until all captures listen.
await_captures() {
	local log deadline=$((SECONDS + 60))
	for log in "${logs[@]}"; do
		until grep -q 'listening on' "$log" 2>/dev/null || [ $SECONDS -ge $deadline ]; do
			sleep 0.05
		done
	done
}

# The kernel hands packets to tcpdump in blocks, at the latest after a second; then it is ended.
end_captures() {
	[ ${#captures[@]} -gt 0 ] || return 0
	sleep 1.1
	kill -INT "${captures[@]}" 2>/dev/null
	wait "${captures[@]}" 2>/dev/null
	captures=()
	logs=()
}

forget_hosts() {
	local ns
	end_captures
	for ns in hostA gatewayA gatewayB hostB; do
		[ ! -e /run/netns/$ns ] || echo "netns del $ns"
	done | ip -batch -
}

clean_up() {
	forget_hosts
	[ -z "$tmp" ] || rm -rf "$tmp"
}

set_up_or_die() {
	tmp=$(mktemp -d)
	trap clean_up EXIT
	trap 'exit 130' INT TERM
	forget_hosts
	# An installed system loads this by itself, for the processor that it finds; a guest has nothing that would.
	modprobe -q aesni_intel
	if ! modprobe klips; then
		echo "The klips module cannot be loaded."
		echo failed
		exit 1
	fi
}

verdict() {
	printf '\n%d steps, %d failed, %d seconds\n' $steps $failures $(($(date +%s) - started))
	if [ $failures -eq 0 ]; then
		echo passed
		return 0
	fi
	echo failed
	return 1
}
