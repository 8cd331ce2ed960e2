# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
#	hostA lan ---- lan gwA wan ---- wan gwB lan ---- lan hostB
#	10.1.0.2  10.1.0.1  192.0.2.1  192.0.2.2  10.2.0.1  10.2.0.2
#
# Each in a network namespace of its own, joined by veth. Who is at which hardware address is known from the beginning,
# for good. Sourced by the guest's init.

# Busybox has programs of these names, and its shell takes its own first.
ip() { /usr/sbin/ip "$@"; }
tc() { /usr/sbin/tc "$@"; }

insert_modules() {
	# What is missing is not fetched later, in the middle of a window.
	echo >/proc/sys/kernel/modprobe
	insert_list order
}

# Not before it is wanted: what it costs those who do without is to be seen.
insert_klips() {
	grep -q '^klips ' /proc/modules || insmod /modules/klips.ko interfaces=1 || give_up klips.ko does not load
}

remove_klips() {
	rmmod klips || give_up klips.ko does not go
}

insert_list() {
	local module
	while read -r module; do
		grep -q "^$(basename "$module" .ko | tr - _) " /proc/modules || insmod "/modules/$module" ||
			give_up "$module does not load"
	done <"/modules/$1"
}

# in_batch [NAMESPACE]: what ip(8) is to do, a line each
in_batch() {
	ip ${1:+-n "$1"} -batch - || give_up "ip -batch failed in ${1:-the first namespace}"
}

# within NAMESPACE COMMAND...
within() {
	ip netns exec "$@"
}

# host NAMESPACE DEVICE ADDRESS MAC NEIGHBOUR MAC [ROUTE]: lines for ip -batch
host() {
	printf 'link set %s up\naddress add %s dev %s\nneighbour replace %s lladdr %s dev %s nud permanent\n' \
		"$1" "$2" "$1" "$3" "$4" "$1"
}

make_links() {
	in_batch <<-BATCH
		netns add hostA
		netns add gwA
		netns add gwB
		netns add hostB
		link add lan netns hostA mtu 1400 address 02:00:00:00:01:02 type veth peer name lan netns gwA mtu 1400 address 02:00:00:00:01:01
		link add wan netns gwA mtu 1500 address 02:00:00:00:09:01 type veth peer name wan netns gwB mtu 1500 address 02:00:00:00:09:02
		link add lan netns gwB mtu 1400 address 02:00:00:00:02:01 type veth peer name lan netns hostB mtu 1400 address 02:00:00:00:02:02
	BATCH
}

sysctls() {
	local dir=/proc/sys/net/ipv4
	within "$1" sh -c "echo 1 >$dir/ip_forward; echo 0 >$dir/conf/all/rp_filter; echo 0 >$dir/conf/default/rp_filter"
}

make_topology() {
	make_links
	sysctls gwA
	sysctls gwB
	{
		host lan 10.1.0.2/24 10.1.0.1 02:00:00:00:01:01
		printf 'link set lo up\nroute add default via 10.1.0.1\n'
	} | in_batch hostA
	{
		host lan 10.1.0.1/24 10.1.0.2 02:00:00:00:01:02
		host wan 192.0.2.1/24 192.0.2.2 02:00:00:00:09:02
		echo link set lo up
	} | in_batch gwA
	{
		host wan 192.0.2.2/24 192.0.2.1 02:00:00:00:09:01
		host lan 10.2.0.1/24 10.2.0.2 02:00:00:00:02:02
		printf 'link set lo up\nroute add 10.64.0.0/10 via 10.2.0.2\n'
	} | in_batch gwB
	{
		host lan 10.2.0.2/24 10.2.0.1 02:00:00:00:02:01
		# Everything that packets are spread over is hostB's.
		printf 'link set lo up\nroute add default via 10.2.0.1\nroute add local 10.64.0.0/10 dev lo\n'
	} | in_batch hostB
}

# feature DEVICE-OF-GATEWAYS FEATURE on|off
feature() {
	within gwA ethtool -K "$1" "$2" "$3"
	within gwB ethtool -K "$1" "$2" "$3"
}

# filter_at NAMESPACE DEVICE drop|ok: what arrives there ends, before IP looks at it; or goes on, and has cost as much
filter_at() {
	within "$1" tc qdisc add dev "$2" clsact
	within "$1" tc filter add dev "$2" ingress matchall action "$3"
}

# unfilter_at NAMESPACE DEVICE
unfilter_at() {
	within "$1" tc qdisc del dev "$2" clsact
}

# measure ARGUMENT...: windows, see traffic.c
measure() {
	traffic "$@" || give_up "traffic $* ended with $?"
}

# processors 1|2: whether the second one takes part
processors() {
	echo $(($1 - 1)) >/sys/devices/system/cpu/cpu1/online
}

# fill WHAT GATEWAY FIRST COUNT [WINDOW [LEVEL]]: entries of tables, see load.c
fill() {
	load "$@" || give_up "load $* ended with $?"
}

# For profiles: the kernel's functions with their addresses.
hand_over_symbols() {
	awk '$2 ~ /^[tTwW]$/ { print "symbol", $1, $3, $4 }' /proc/kallsyms
}
