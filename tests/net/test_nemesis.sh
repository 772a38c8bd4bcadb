#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_nemesis.sh - seven peers on machines of their own, with clocks of their own, under a random mix of faults for
# MINUTES (half of one) from SEED: two peers at a time are killed, stopped dead, cut off, deaf to another, parted from
# the rest, or an hour off; now and then all lose power. Saves go on while at most two are faulty; at the end all are
# equal, and no save is lost or doubled (one that timed out may be there or not). `make nemesis MINUTES=10 SEED=1`.
PEERS=7
. "$(dirname "$0")/../lib/hosts.sh"
. "$here/tests/lib/writer.sh"
. "$here/tests/lib/clock.sh"

RANDOM=${SEED:-1}
seconds=$((${MINUTES:-0} * 60))
[ $seconds -gt 0 ] || seconds=30
own_clock peer1 peer2 peer3 peer4 peer5 peer6 peer7
network_up
mount_as doctor1
mount_as doctor2
writer_start "$work/doctor1/patients/patient1/EMR10"
ok "saves run" goes_on

# A subshell's numbers would not move on those of this shell.
dice=0
roll() # N: sets dice to 0..N-1
{
	dice=$((RANDOM % $1))
}

# fault PEER: one of six, for harm and repair to name
fault()
{
	roll 6
	kind[$1]=$dice
	roll 6
	other[$1]=$(((dice + $1) % 7 + 1))
	roll 2
	off[$1]=$((dice ? 3600 : -3600))
}

harm()
{
	case ${kind[$1]} in
	0) devnet peer "$net" "$1" kill ;;
	1) devnet peer "$net" "$1" pause ;;
	2) cut "$1" ;;
	3) deaf "$1" "${other[$1]}" ;;
	4) clock "peer$1" "${off[$1]}" ;;
	5) for n in 1 2 3 4 5 6 7; do
		[ "$n" = "$1" ] || apart "$1" "$n"
	done ;;
	esac
}

repair()
{
	case ${kind[$1]} in
	0) devnet peer "$net" "$1" start ;;
	1) devnet peer "$net" "$1" cont ;;
	2) join "$1" ;;
	3 | 5) heal ;;
	4) clock "peer$1" 0 ;;
	esac
}

names=(killed "stopped dead" "cut off" "deaf to another" "an hour off" parted)
kind=() other=() off=()

# power_loss: of all at once
power_loss()
{
	local n
	for n in 1 2 3 4 5 6 7; do
		devnet peer "$net" $n kill
	done
	for n in 1 2 3 4 5 6 7; do
		devnet peer "$net" $n start
	done
}

# One point for all; the first stall ends them.
storm()
{
	local one two end=$((SECONDS + seconds)) round=0
	while [ $SECONDS -lt $end ]; do
		round=$((round + 1))
		roll 12
		if [ $dice = 0 ]; then
			power_loss
			goes_on || { echo "round $round, after a loss of power: saves stall"; return 1; }
			continue
		fi
		roll 7
		one=$((dice + 1))
		roll 6
		two=$(((one + dice) % 7 + 1))
		fault $one
		fault $two
		harm $one
		harm $two
		roll 5
		sleep $dice
		goes_on || {
			echo "round $round, peer $one ${names[kind[one]]}, peer $two ${names[kind[two]]}: saves stall"
			return 1
		}
		repair $one
		repair $two
		within 20 abreast $one $two || { echo "round $round: $one and $two are not abreast"; return 1; }
	done
	echo "$round" >"$work/rounds"
}

# not in a subshell: RANDOM goes on
storm >"$work/storm.log" 2>&1
status=$?
point "$seconds s of faults from seed ${SEED:-1}: saves go on, who was away is abreast within 20 s" $status
sed 's/^/# /' "$work/storm.log"
echo "# $(cat "$work/rounds" 2>/dev/null) rounds"
B=$work/doctor2/patients/patient1/EMR10
writer_end
sed 's/^/# /' "$work/writer.log"
recovers "every peer has the same, and votes" 60 all_equal

# What timed out may be there or not: its transaction went on, as LAYOUT says. All else is there, once.
compare()
{
	python3 - "$work/acked" "$work/writer.log" "$B" <<-'PY'
		import os, sys
		acked = {int(line.split()[0]) for line in open(sys.argv[1])}
		errors = [line.split() for line in open(sys.argv[2]) if line.startswith("error")]
		late = {int(e[1]) for e in errors if "110]" in e}
		there = {int(n[2:7]) for n in os.listdir(sys.argv[3]) if n.startswith("w-")}
		doubled = [i for i in there if len(os.listdir(f"{sys.argv[3]}/.history/w-{i:05d}.json")) != 1]
		other = [e for e in errors if "110]" not in e]
		print(f"lost {sorted(acked - there)} strange {sorted(there - acked - late)} doubled {doubled} failed {other}")
	PY
}
soon "no save is lost or doubled, none failed but by time" "lost [] strange [] doubled [] failed []" compare
