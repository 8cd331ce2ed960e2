# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The methods: `method NAME` sets both gateways up, `unmethod` undoes that. A name is the stack, a dash and the suite.
# Sourced by the guest's init.

A=192.0.2.1
B=192.0.2.2
NET_A=10.1.0.0/24
NET_B=10.2.0.0/24
# What `load` makes eroutes and policies for, and that with NET_B.
MANY=10.64.0.0/10
ALL_B=10.0.0.0/8

# key BYTES: as good as any, and the same in every run
key() {
	printf '0x'
	head -c "$1" /dev/zero | tr '\0' 'Z' | od -An -v -tx1 | tr -d ' \n'
}

method() {
	stack=${1%%-*}
	suite=${1#*-}
	"set_up_$stack" "$suite" || give_up "$1 is not set up"
}

unmethod() {
	"take_down_$stack" "$suite"
}

# Plain forwarding, as plain-klips with the module there and nothing for it to do

set_up_plain() {
	[ "$1" != klips ] || insert_klips
	ip -n gwA route add $NET_B via $B dev wan
	ip -n gwA route add $MANY via $B dev wan
	ip -n gwB route add $NET_A via $A dev wan
}

take_down_plain() {
	ip -n gwA route del $NET_B
	ip -n gwA route del $MANY
	ip -n gwB route del $NET_A
}

# XFRM

xfrm_suite() {
	case $1 in
	null) echo "proto esp $2 enc ecb(cipher_null) \"\" auth digest_null \"\"" ;;
	null_sha256) echo "proto esp $2 enc ecb(cipher_null) \"\" auth-trunc hmac(sha256) $(key 32) 128" ;;
	gcm128 | best) echo "proto esp $2 aead rfc4106(gcm(aes)) $(key 20) 128" ;;
	gcm256) echo "proto esp $2 aead rfc4106(gcm(aes)) $(key 36) 128" ;;
	cbc_sha256) echo "proto esp $2 enc cbc(aes) $(key 16) auth-trunc hmac(sha256) $(key 32) 128" ;;
	chacha20) echo "proto esp $2 aead rfc7539esp(chacha20,poly1305) $(key 36) 128" ;;
	ah_sha256) echo "proto ah $2 auth-trunc hmac(sha256) $(key 32) 128" ;;
	*) give_up "no suite $1 for XFRM" ;;
	esac
}

# Both SAs, the same lines for either gateway.
xfrm_states() {
	local common='reqid 1 mode tunnel replay-window 64'
	echo "xfrm state add src $A dst $B $(xfrm_suite "$1" "spi 0x1001 $common")"
	echo "xfrm state add src $B dst $A $(xfrm_suite "$1" "spi 0x1002 $common")"
}

# xfrm_policies PROTO LOCAL-NET REMOTE-NET LOCAL REMOTE
xfrm_policies() {
	local direction
	echo "xfrm policy add src $2 dst $3 dir out tmpl src $4 dst $5 proto $1 reqid 1 mode tunnel"
	for direction in in fwd; do
		echo "xfrm policy add src $3 dst $2 dir $direction tmpl src $5 dst $4 proto $1 reqid 1 mode tunnel"
	done
}

set_up_xfrm() {
	local proto=esp
	[ "$1" != ah_sha256 ] || proto=ah
	if [ "$1" = best ]; then
		insert_list later
		feature wan gro on
	fi
	{
		xfrm_states "$1"
		xfrm_policies $proto $NET_A $NET_B $A $B
		echo "route add $NET_B via $B dev wan"
		echo "route add $MANY via $B dev wan"
	} | in_batch gwA
	{
		xfrm_states "$1"
		xfrm_policies $proto $NET_B $NET_A $B $A
		echo "route add $NET_A via $A dev wan"
	} | in_batch gwB
}

take_down_xfrm() {
	printf 'xfrm policy flush\nxfrm state flush\nroute del %s\nroute del %s\n' $NET_B $MANY | in_batch gwA
	printf 'xfrm policy flush\nxfrm state flush\nroute del %s\n' $NET_A | in_batch gwB
	if [ "$1" = best ]; then
		feature wan gro off
		rmmod esp4_offload
	fi
}

# WireGuard

# wireguard_gateway NAMESPACE OWN-KEY PEER-KEY PEER-NET PEER
wireguard_gateway() {
	ip -n "$1" link add wg0 mtu 1420 type wireguard
	within "$1" wg set wg0 listen-port 51820 private-key "$2" peer "$(wg pubkey <"$3")" allowed-ips "$4" endpoint "$5:51820"
	printf 'link set wg0 up\nroute add %s dev wg0\n' "$4" | in_batch "$1"
}

set_up_wireguard() {
	printf 'oJqx+GqLbK0V4ZNVsO4Mvw1y7eVYyXbE0m2w6nS6c14=\n' >/tmp/a.key
	printf '4Jtx+GqLbK0V4ZNVsO4Mvw1y7eVYyXbE0m2w6nS6c3w=\n' >/tmp/b.key
	wireguard_gateway gwA /tmp/a.key /tmp/b.key $NET_B $B
	wireguard_gateway gwB /tmp/b.key /tmp/a.key $NET_A $A
}

take_down_wireguard() {
	ip -n gwA link del wg0
	ip -n gwB link del wg0
}

# KLIPS

klips_suite() {
	case $1 in
	null_sha256) echo "--esp null-sha2-256 --authkey $(key 32)" ;;
	gcm128) echo "--esp aes128-gcm --enckey $(key 20)" ;;
	gcm256) echo "--esp aes256-gcm --enckey $(key 36)" ;;
	cbc_sha256) echo "--esp aes128-sha2-256 --enckey $(key 16) --authkey $(key 32)" ;;
	chacha20) echo "--esp chacha20-poly1305 --enckey $(key 36)" ;;
	ah_sha256) echo "--ah hmac-sha2-256-128 --authkey $(key 32)" ;;
	*) give_up "no suite $1 for KLIPS" ;;
	esac
}

# klips_sas PROTO SUITE FROM TO SPI: a tunnel SA with its ESP or AH SA
klips_sas() {
	echo "ipsec spi --said tun0x$5@$4 --src $3 --dst $4 --ip4"
	echo "ipsec spi --said ${1}0x$5@$4 --src $3 $(klips_suite "$2") --replay_window 64"
	echo "ipsec spigrp --said tun0x$5@$4 ${1}0x$5@$4"
}

# klips_gateway NAMESPACE SUITE LOCAL REMOTE SPI-OUT SPI-IN LOCAL-NET LOCAL-ALL REMOTE-ALL REMOTE-NET...
klips_gateway() {
	local gateway=$1 via=$4 proto=esp net
	[ "$2" != ah_sha256 ] || proto=ah
	{
		echo set -e
		echo ipsec tncfg --attach --virtual ipsec0 --physical wan
		klips_sas $proto "$2" "$3" "$4" "$5"
		klips_sas $proto "$2" "$4" "$3" "$6"
		echo "ipsec eroute --addin --eraf inet --src $9 --dst $8 --said tun0x$6@$3"
		echo "ipsec eroute --add --eraf inet --src $7 --dst ${10} --said tun0x$5@$4"
	} >/tmp/gateway
	within "$gateway" sh /tmp/gateway || give_up "KLIPS at $gateway is not set up"
	shift 9
	{
		echo link set ipsec0 up
		for net; do
			echo "route add $net via $via dev ipsec0 onlink"
		done
	} | in_batch "$gateway"
}

set_up_klips() {
	insert_klips
	klips_gateway gwA "$1" $A $B 1001 1002 $NET_A $NET_A $ALL_B $NET_B $MANY
	klips_gateway gwB "$1" $B $A 1002 1001 $NET_B $ALL_B $NET_A $NET_A
}

# spread RATE: from which on the gateways spread what they decrypt over processors
spread() {
	local gateway
	for gateway in gwA gwB; do
		within $gateway sh -c "echo $1 >/proc/sys/net/ipsec/spread_rate"
	done
}

take_down_klips() {
	local gateway
	for gateway in gwA gwB; do
		# Its routes go with it.
		ip -n $gateway link set ipsec0 down
		within $gateway sh -c 'ipsec eroute --clear; ipsec spi --clear; ipsec tncfg --clear'
	done
}
