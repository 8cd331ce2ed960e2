# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# One tunnel end, set up in two ways: gateway_klips and gateway_xfrm take the same arguments
#
#   NS ME PEER PEER_NET OUT_TUN OUT_SPI IN_TUN IN_SPI SUITE
#
# and use the keys of new_keys: key_AB for what goes from 192.0.2.1 to 192.0.2.2, key_BA for the other way.

# The commands that set up a gateway as they were run, for showing.
commands=()

# Random bytes, in hexadecimal.
random() {
	od -An -tx1 -v -N "$1" /dev/urandom | tr -d ' \n'
}

declare -A enc_key auth_key

new_keys() { # SUITE
	local direction
	for direction in 192.0.2.1 192.0.2.2; do
		case $1 in
		aes128-sha1)
			enc_key[$direction]=0x$(random 16)
			auth_key[$direction]=0x$(random 20)
			;;
		# RFC 4106: 16 bytes of AES key, then 4 of salt.
		aes128-gcm) enc_key[$direction]=0x$(random 20) ;;
		esac
	done
}

# Notes a command.
note() { # COMMAND...
	commands+=("$*")
}

# Runs what was noted, in a namespace. Words with parentheses are quoted as one would type them.
run_commands() { # NS
	inside "$1" bash -ec 'trap "echo this failed: \$BASH_COMMAND" ERR; '"$(printf '%s\n' "${commands[@]}")"
}

show_commands() {
	echo "    The commands were:"
	printf '      %s\n' "${commands[@]}" | fold -s -w 112 | sed 's/^\([^ ]\)/          \1/'
}

klips_esp() { # SPI SRC DST SUITE
	local words=(ipsec spi --af inet --edst "$3" --spi "$1" --proto esp --src "$2" --esp "$4" --enckey "${enc_key[$2]}")
	case $4 in
	aes128-sha1) words+=(--authkey "${auth_key[$2]}") ;;
	esac
	note "${words[@]}" --replay_window 64
}

klips_tunnel() { # SPI SRC DST
	note ipsec spi --af inet --edst "$3" --spi "$1" --proto tun --src "$2" --dst "$3" --ip4
}

# What a gateway was in the last round, by namespace.
declare -A was

# Forgets the last round's SAs and policies; takes the route into the tunnel away when the gateway changes its kind.
note_forgetting() { # NS KIND NET
	case ${was[$1]-} in
	klips)
		note ipsec eroute --clear
		note ipsec spi --clear
		;;
	xfrm)
		note ip xfrm policy flush
		note ip xfrm state flush
		;;
	*) return ;;
	esac
	[ "${was[$1]}" = "$2" ] || note ip route del "$3"
}

gateway_klips() {
	local ns=$1 me=$2 peer=$3 net=$4 out_tun=$5 out_spi=$6 in_tun=$7 in_spi=$8 suite=$9 mine=10.1.0.0/24
	[ "$net" != 10.1.0.0/24 ] || mine=10.2.0.0/24
	commands=()
	note_forgetting "$ns" klips "$net"
	if [ "${was[$ns]-}" != klips ]; then
		note ipsec tncfg --attach --virtual ipsec0 --physical wan0
		note ip addr add "$me/32" dev ipsec0
		note ip link set ipsec0 up
		note ip route add "$net" dev ipsec0
	fi
	klips_tunnel "$out_tun" "$me" "$peer"
	klips_esp "$out_spi" "$me" "$peer" "$suite"
	note ipsec spigrp inet "$peer" "$out_tun" tun inet "$peer" "$out_spi" esp
	klips_tunnel "$in_tun" "$peer" "$me"
	klips_esp "$in_spi" "$peer" "$me" "$suite"
	note ipsec spigrp inet "$me" "$in_tun" tun inet "$me" "$in_spi" esp
	note ipsec eroute --addin --eraf inet --src "$net" --dst "$mine" --said "tun$in_tun@$me"
	note ipsec eroute --add --eraf inet --src "$mine" --dst "$net" --said "tun$out_tun@$peer"
	run_commands "$ns"
}

xfrm_state() { # SPI SRC DST SUITE
	local words=(ip xfrm state add src "$2" dst "$3" proto esp spi "$1" reqid 1 mode tunnel replay-window 32)
	case $4 in
	aes128-sha1) words+=(enc "'cbc(aes)'" "${enc_key[$2]}" auth-trunc "'hmac(sha1)'" "${auth_key[$2]}" 96) ;;
	aes128-gcm) words+=(aead "'rfc4106(gcm(aes))'" "${enc_key[$2]}" 128) ;;
	esac
	note "${words[@]}"
}

xfrm_policy() { # DIRECTION NET NET SRC DST
	note ip xfrm policy add src "$2" dst "$3" dir "$1" tmpl src "$4" dst "$5" proto esp reqid 1 mode tunnel
}

gateway_xfrm() {
	local ns=$1 me=$2 peer=$3 net=$4 out_spi=$6 in_spi=$8 suite=$9 mine=10.1.0.0/24
	[ "$net" != 10.1.0.0/24 ] || mine=10.2.0.0/24
	commands=()
	note_forgetting "$ns" xfrm "$net"
	[ "${was[$ns]-}" = xfrm ] || note ip route add "$net" via "$peer"
	xfrm_state "$out_spi" "$me" "$peer" "$suite"
	xfrm_state "$in_spi" "$peer" "$me" "$suite"
	xfrm_policy out "$mine" "$net" "$me" "$peer"
	xfrm_policy in "$net" "$mine" "$peer" "$me"
	xfrm_policy fwd "$net" "$mine" "$peer" "$me"
	run_commands "$ns"
}
