# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# mount.sh - sourced by tests that use a real network and real mounts: TAP points, a devnet of its own in a
# fresh directory, and its end, whatever happens. Programs: O (default build). Needs /dev/fuse.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$(cd "$here" && cd "${O:-build}" && pwd)
export CHARTFS_BIN=$bin
PATH=$bin:$PATH
# not below /tmp: vim skips its backups there
work=$(mktemp -d "${TMPDIR:-/var/tmp}/chartfs-test.XXXXXX")
net=$work/net
points=0
failures=0

[ -c /dev/fuse ] || {
	echo "no /dev/fuse here"
	exit 77
}

devnet()
{
	"$here/contrib/devnet" "$@"
}

finish()
{
	trap - EXIT
	[ -z "${also_at_end:-}" ] || $also_at_end
	devnet down "$net" >/dev/null 2>&1
	if [ "$failures" != 0 ]; then
		tail -n 5 "$net"/peer*/log "$net"/mounts/*.log 2>/dev/null | sed 's/^/# /'
	fi
	# what a test mounted by itself
	awk -v below="$work/" 'index($2, below) == 1 { print $2 }' /proc/mounts | while read -r m; do
		fusermount3 -uz "$m"
	done
	[ -z "${after_all:-}" ] || $after_all
	rm -rf --one-file-system "$work"
	echo "1..$points"
	[ "$failures" = 0 ]
	exit
}
trap finish EXIT
trap 'exit 130' INT TERM

# point NAME STATUS: one TAP line
point()
{
	points=$((points + 1))
	if [ "$2" = 0 ]; then
		echo "ok $points - $1"
	else
		failures=$((failures + 1))
		echo "not ok $points - $1"
	fi
}

# ok NAME COMMAND...: passes when the command succeeds; its output is shown when not
ok()
{
	local name=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	point "$name" $status
	[ $status = 0 ] || printf '%s\n' "\$ $*" "$out" "exit $status" | sed 's/^/# /'
}

# fails NAME CODE TEXT COMMAND...: the command ends with this exit code and says TEXT
fails()
{
	local name=$1 code=$2 text=$3 out status
	shift 3
	out=$("$@" 2>&1)
	status=$?
	if [ $status = "$code" ] && printf '%s' "$out" | grep -qF -- "$text"; then
		point "$name" 0
	else
		point "$name" 1
		printf '%s\n' "\$ $*" "$out" "exit $status, wanted $code and '$text'" | sed 's/^/# /'
	fi
}

# is NAME WANTED COMMAND...: the command prints exactly WANTED
is()
{
	local name=$1 wanted=$2 out
	shift 2
	out=$("$@" 2>&1)
	if [ "$out" = "$wanted" ]; then
		point "$name" 0
	else
		point "$name" 1
		printf '%s\n' "\$ $*" "got:    $out" "wanted: $wanted" | sed 's/^/# /'
	fi
}

# soon NAME WANTED COMMAND...: as is, but another mount's view may be some moments behind
soon()
{
	local name=$1 wanted=$2 end=$((SECONDS + 5))
	shift 2
	until [ "$("$@" 2>&1)" = "$wanted" ] || [ $SECONDS -ge $end ]; do
		sleep 0.02
	done
	is "$name" "$wanted" "$@"
}

# within SECONDS COMMAND...: tries until it succeeds
within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# recovers NAME SECONDS COMMAND...: tries until it succeeds, and says after how long it did
recovers()
{
	local name=$1 most=$2 from=${EPOCHREALTIME/./} status
	shift 2
	within "$most" "$@"
	status=$?
	point "$name within $most s" $status
	awk -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { printf "# after %.1f s\n", us / 1e6 }'
}

# save FILE TEXT: fails when close(2) does, which a shell's redirection would not tell
save()
{
	printf '%s\n' "$2" | dd of="$1" status=none
}
export -f save

network_up()
{
	devnet up "$net" || {
		point "the network comes up" 1
		exit 1
	}
}

# mount_as WHO: at $work/WHO
mount_as()
{
	mkdir -p "$work/$1"
	devnet mount "$net" "$1" "$work/$1" || {
		point "mount as $1" 1
		exit 1
	}
}

# height_of N: of peer N
height_of()
{
	devnet status "$net" 2>/dev/null | awk -v p="peer$1" '$1 == p { print $3 + 0 }'
}

# past N HEIGHT: peer N is at that height or above it
past()
{
	[ "$(height_of "$1")" -ge "$2" ]
}

# near N: peer N is a few blocks behind peer 1 at most
near()
{
	past "$1" $(($(height_of 1) - 5))
}

# lengthen BLOCKS: so many blocks onto what the network has; peer 4 alone lacks them, and is down
lengthen()
{
	local n
	devnet down "$net"
	"$bin/longledger" "$net" "$1" || return
	for n in 2 3; do
		rm -rf "$net/peer$n/data/chain"
		cp -a "$net/peer1/data/chain" "$net/peer$n/data/chain"
	done
	for n in 1 2 3; do
		devnet peer "$net" $n start
	done
}

same_heads()
{
	devnet status "$net" >/dev/null
}

# leader: the number of the peer that most say leads
leader()
{
	devnet status "$net" 2>/dev/null | sed -n 's/.*leader peer\([0-9]*\).*/\1/p' | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}

# abreast N...: these peers answer, vote, and are within a few blocks of the furthest
abreast()
{
	devnet status "$net" 2>/dev/null | awk -v those=" $* " '
		{ n = $1; sub("peer", "", n) }
		/height/ { height[n] = $3; if ($3 > most) most = $3 }
		/ voting/ && !/not voting/ { votes[n] = 1 }
		END {
			for (n in height)
				if (index(those, " " n " ") && votes[n] && height[n] + 5 >= most)
					good++
			exit good != split(those, list, " ")
		}'
}

# all_equal: every peer answers, votes, and has the same head and state root
all_equal()
{
	local out
	out=$(devnet status "$net" 2>&1) || return
	! printf '%s' "$out" | grep -q -e 'no answer' -e 'not voting'
}
