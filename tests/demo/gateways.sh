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

# Runs a command in a namespace and notes it.
at() { # NS COMMAND...
	local ns=$1
	shift
	commands+=("$*")
	ip netns exec "$ns" "$@" || {
		echo "this failed: $*"
		return 1
	}
}

show_commands() {
	echo "    The commands were:"
	printf '      %s\n' "${commands[@]}" | fold -s -w 112 | sed 's/^\([^ ]\)/          \1/'
}

klips_esp() { # NS SPI SRC DST SUITE
	local words=(ipsec spi --af inet --edst "$4" --spi "$2" --proto esp --src "$3" --esp "$5" --enckey "${enc_key[$3]}")
	case $5 in
	aes128-sha1) words+=(--authkey "${auth_key[$3]}") ;;
	esac
	at "$1" "${words[@]}" --replay_window 64
}

klips_tunnel() { # NS SPI SRC DST
	at "$1" ipsec spi --af inet --edst "$4" --spi "$2" --proto tun --src "$3" --dst "$4" --ip4
}

gateway_klips() {
	local ns=$1 me=$2 peer=$3 net=$4 out_tun=$5 out_spi=$6 in_tun=$7 in_spi=$8 suite=$9 mine=10.1.0.0/24
	[ "$net" != 10.1.0.0/24 ] || mine=10.2.0.0/24
	commands=()
	at "$ns" ipsec tncfg --attach --virtual ipsec0 --physical wan0 &&
		at "$ns" ip addr add "$me/32" dev ipsec0 &&
		at "$ns" ip link set ipsec0 up &&
		at "$ns" ip route add "$net" dev ipsec0 &&
		klips_tunnel "$ns" "$out_tun" "$me" "$peer" &&
		klips_esp "$ns" "$out_spi" "$me" "$peer" "$suite" &&
		at "$ns" ipsec spigrp inet "$peer" "$out_tun" tun inet "$peer" "$out_spi" esp &&
		klips_tunnel "$ns" "$in_tun" "$peer" "$me" &&
		klips_esp "$ns" "$in_spi" "$peer" "$me" "$suite" &&
		at "$ns" ipsec eroute --addin --eraf inet --src "$net" --dst "$mine" --said "tun$in_tun@$me" &&
		at "$ns" ipsec spigrp inet "$me" "$in_tun" tun inet "$me" "$in_spi" esp &&
		at "$ns" ipsec eroute --add --eraf inet --src "$mine" --dst "$net" --said "tun$out_tun@$peer"
}

xfrm_state() { # NS SPI SRC DST SUITE
	local words=(ip xfrm state add src "$3" dst "$4" proto esp spi "$2" reqid 1 mode tunnel replay-window 32)
	case $5 in
	aes128-sha1) words+=(enc 'cbc(aes)' "${enc_key[$3]}" auth-trunc 'hmac(sha1)' "${auth_key[$3]}" 96) ;;
	aes128-gcm) words+=(aead 'rfc4106(gcm(aes))' "${enc_key[$3]}" 128) ;;
	esac
	at "$1" "${words[@]}"
}

xfrm_policy() { # NS DIRECTION NET NET SRC DST
	at "$1" ip xfrm policy add src "$3" dst "$4" dir "$2" tmpl src "$5" dst "$6" proto esp reqid 1 mode tunnel
}

gateway_xfrm() {
	local ns=$1 me=$2 peer=$3 net=$4 out_spi=$6 in_spi=$8 suite=$9 mine=10.1.0.0/24
	[ "$net" != 10.1.0.0/24 ] || mine=10.2.0.0/24
	commands=()
	at "$ns" ip route add "$net" via "$peer" &&
		xfrm_state "$ns" "$out_spi" "$me" "$peer" "$suite" &&
		xfrm_state "$ns" "$in_spi" "$peer" "$me" "$suite" &&
		xfrm_policy "$ns" out "$mine" "$net" "$me" "$peer" &&
		xfrm_policy "$ns" in "$net" "$mine" "$peer" "$me" &&
		xfrm_policy "$ns" fwd "$net" "$mine" "$peer" "$me"
}
