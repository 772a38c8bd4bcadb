#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_expiry.sh - certificates that end while things run, and such that do not count yet: of a peer, of a
# client, of a mount that starts. Two days pass for everybody at once; those of peer 3 and of doctor2 are good for
# one, identity and TLS.
export CHARTFS_BRIEF="peer3 doctor2"
. "$(dirname "$0")/../lib/mount.sh"
. "$here/tests/lib/writer.sh"
. "$here/tests/lib/clock.sh"

shared_clock all peer1 peer2 peer3 doctor1 doctor2 governor1 patient1
own_clock peer4

# now SECONDS: for everybody
now()
{
	clock all "$1"
	clock peer4 "$1"
}

# with the clock of doctor2
mount_again()
{
	# shellcheck disable=SC2046
	$(cat "$net/prefix/doctor2") chartfs mount --config "$(echo "$net"/mounts/doctor2-*.ini)" "$work/doctor2"
}

network_up
mount_as doctor1
mount_as doctor2
mount_as patient1
A=$work/doctor1/patients/patient1/EMR10
B=$work/doctor2/patients/patient1/EMR10
ok "doctor2 saves" save "$B/before.json" '{"before":1}'
writer_start "$A"
ok "saves run" goes_on

hold_saves now $((2 * 86400))
ok "two days later: doctor1's saves go on" goes_on
is "doctor2's certificate has expired: EKEYEXPIRED for a save" EKEYEXPIRED try_save "$B/expired.json"
fails "and for a read" 1 "Key has expired" cat "$B/before.json"
devnet umount "$work/doctor2"
fails "a mount of it is refused" 13 "expired" mount_again

devnet peer "$net" 3 kill
ok "peer 3, expired, is killed: saves go on" goes_on
fails "and does not start again" 1 "expired" devnet peer "$net" 3 start
ok "saves go on" goes_on
recovers "the three others are abreast" 15 abreast 1 2 4

pause_saves
devnet peer "$net" 4 kill
clock peer4 $((-2 * 86400))
fails "peer 4's clock is before its certificate: it does not start" 1 "not valid yet" devnet peer "$net" 4 start
clock peer4 $((2 * 86400))
devnet peer "$net" 4 start
recovers "right again: abreast" 15 abreast 1 2 4
ok "and the network saves, which needs it" save "$A/after.json" '{"after":1}'
nothing_lost "$work/patient1/patients/patient1/EMR10"
