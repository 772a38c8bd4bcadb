# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# hosts.sh - sourced in place of mount.sh by tests that want each peer on a machine of its own: the script runs
# again in a network namespace with a bridge, 10.77.0.254, and each of the PEERS peers (default 4) gets one with
# the address 10.77.0.<n>. They have no names and end with the test. Mounts are made beside the bridge, or with
# client_host in a namespace of their own. Skips where namespaces are not permitted.

if [ -z "${CHARTFS_HOSTS:-}" ]; then
	reason=$(unshare -n ip link add br0 type bridge 2>&1) || {
		echo "no network namespaces with a bridge here: $reason"
		exit 77
	}
	export CHARTFS_PEERS=${PEERS:-4}
	CHARTFS_HOSTS=
	for ((n = 1; n <= CHARTFS_PEERS; n++)); do
		CHARTFS_HOSTS+="10.77.0.$n "
	done
	export CHARTFS_HOSTS
	exec unshare -n "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/mount.sh"
peers=$CHARTFS_PEERS
declare -A host # the process that keeps a namespace

# make_host NAME ADDRESS: a machine at the bridge
make_host()
{
	unshare -n sleep 100000 &
	host[$1]=$!
	# until the process is in its namespace
	within 5 bash -c "[ \$(readlink /proc/$!/ns/net) != $(readlink /proc/$$/ns/net) ]"
	ip link add "port$1" type veth peer name eth0 netns "$!"
	ip link set "port$1" master br0 up
	at_host "$1" ip link set lo up
	at_host "$1" ip addr add "$2/24" dev eth0
	at_host "$1" ip link set eth0 up
}

# at_host NAME COMMAND...
at_host()
{
	local name=$1
	shift
	nsenter -t "${host[$name]}" -n "$@"
}

hosts_end()
{
	kill "${host[@]}" 2>/dev/null
	wait "${host[@]}" 2>/dev/null
}
after_all=hosts_end

# client_host NAME WHO ADDRESS: mounts of this identity are made on a machine of their own
client_host()
{
	make_host "$1" "$3"
	echo "nsenter -t ${host[$1]} -n" >"$net/prefix/$2"
}

# --- faults -----------------------------------------------------------------------------------------

# cut NAME: nothing reaches that machine or leaves it, and nobody is told
cut()
{
	ip link set "port$1" nomaster
}

join()
{
	ip link set "port$1" master br0
}

# apart "1 2" "3 4": the peers of one group are out of reach of the other's; clients reach all
apart()
{
	local a b
	for a in $1; do
		for b in $2; do
			at_host "$a" ip route replace blackhole "10.77.0.$b"
			at_host "$b" ip route replace blackhole "10.77.0.$a"
		done
	done
}

# deaf TO FROM: TO hears no votes of FROM, while FROM hears TO's: its connections to TO's peer port are cut
deaf()
{
	local port
	port=$(peer_port "$1")
	at_host "$2" ip rule add to "10.77.0.$1" ipproto tcp dport "$port" blackhole
}

# heal: undoes apart and deaf
heal()
{
	local n
	for ((n = 1; n <= peers; n++)); do
		at_host "$n" ip route flush type blackhole
		while at_host "$n" ip rule del type blackhole 2>/dev/null; do :; done
	done
}

# peer_port N: where votes for it arrive
peer_port()
{
	at_host "$1" ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -n | head -n 1
}

# --- set-up -----------------------------------------------------------------------------------------

ip link set lo up
ip link add br0 type bridge
ip addr add 10.77.0.254/24 dev br0
ip link set br0 up
mkdir -p "$net/prefix"
for ((n = 1; n <= peers; n++)); do
	make_host "$n" "10.77.0.$n"
	echo "nsenter -t ${host[$n]} -n" >"$net/prefix/peer$n"
done
