# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# members.sh - sourced after mount.sh by tests in which the members change: another peer, and changes of the set.

# conf WHO DIRECTORY: a configuration for the tool, in $work/WHO.ini
conf()
{
	cat >"$work/$1.ini" <<-INI
		[mount]
		identity = $2
		passphrase-file = $net/passphrase
		genesis = $net/genesis
		root = $net/ca/root/ca.pem
		data = $work/$1.data
	INI
}

members()
{
	local verb=$1 target=$2 who=$3
	shift 3
	chartfs members "$verb" "$target" --config "$work/$who.ini" "$@"
}

# issue DIRECTORY NAME: a peer's identity of the first hospital
issue()
{
	chartfs-ca issue "$1" --ca "$net/ca/hospitalA" --name "$2" --org hospitalA --role peer --tls-host 127.0.0.1 \
		--passphrase-file "$net/passphrase" --rounds 2000
}

# peer_ini N IDENTITY PORT
peer_ini()
{
	cat >"$net/peer$1/peer.ini" <<-INI
		[peer]
		name = peer$1
		data = data
		identity = $2
		passphrase-file = ../passphrase
		genesis = ../genesis
		root = ../ca/root/ca.pem

		[listen]
		peer = tls+tcp://127.0.0.1:$3
		client = tls+tcp://127.0.0.1:$(($3 + 1))
	INI
}

# vote N: there are N members, and all answer and vote
vote()
{
	local out
	out=$(chartfs peers "$work/doctor1")
	[ "$(grep -c '"peer"' <<<"$out")" = "$1" ] && [ "$(grep -c '"voting": true' <<<"$out")" = "$1" ]
}

# all_approve CHANGE WHO...: approvals of managers
all_approve()
{
	local file=$1 who
	shift
	for who; do
		members approve "$file" "$who" >/dev/null || return
	done
}

# held COUNT: there are so many members, each holds a share, nobody else does, and nothing is under way
held()
{
	local out
	out=$(chartfs members list --config "$work/manager1.ini") || return
	[ "$(grep -c $'\tmember\tshare [0-9]' <<<"$out")" = "$1" ] && [ "$(grep -c $'\tmember\t' <<<"$out")" = "$1" ] &&
		! grep -q -e 'no member' -e 'shared anew' <<<"$out"
}
