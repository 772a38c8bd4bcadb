#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_trace.sh - no read without a trace, on mounts: a lease a section, its purpose and its end, and peers that
# are gone. The network's key is dealt by its four peers (contrib/devnet: chartfs-ca contribute).
. "$(dirname "$0")/../lib/mount.sh"

# mount_with WHO OPTIONS: at $work/WHO
mount_with()
{
	cat >"$work/$1.ini" <<-INI
		[mount]
		identity = $net/who/$1
		passphrase-file = $net/passphrase
		genesis = $net/genesis
		root = $net/ca/root/ca.pem
		data = $work/$1.data
	INI
	mkdir -p "$work/$1"
	chartfs mount -o "$2" --config "$work/$1.ini" --log "$work/$1.log" "$work/$1"
}

# leases WHO: how many it took of patient3's chart, as the patient's mount has it
leases()
{
	chartfs accesses "$P" | cut -f 2 | grep -cx "$1"
}

network_up
mount_as patient3
mount_as doctor1
P=$work/patient3/patients/patient3
D1=$work/doctor1/patients/patient3
D2=$work/doctor2/patients/patient3
fails "a purpose that there is not" 1 "no purpose 'CURIOSITY'" mount_with doctor2 purpose=CURIOSITY
fails "a lease of no length" 1 "1 to 86400 seconds" mount_with doctor2 lease=0
ok "a mount for research" mount_with doctor2 purpose=RESEARCH

ok "the patient writes" bash -c "for i in {1..40}; do echo '{\"n\":1}' >$P/EMR04/\$i.json; done; echo '{}' >$P/EMR05/x.json"
ok "two grants" bash -c "
	chartfs grant $P --to doctor1 --sections EMR04,EMR05 --verbs read,add,modify &&
	chartfs grant $P --to doctor2 --sections EMR04,EMR05 --verbs read"
ok "doctor2 lists" within 5 bash -c "[ \$(ls -l $D2/EMR04 | grep -c json) = 40 ]"
is "a listing takes no lease" 0 leases doctor2@hospitalB
ok "doctor2 reads" bash -c "cat $D2/EMR04/*.json >/dev/null"
soon "forty records, one lease" 1 leases doctor2@hospitalB
ok "and again" bash -c "cat $D2/EMR04/*.json >/dev/null"
ok "and another section" cat "$D2/EMR05/x.json"
soon "one lease a section" 2 leases doctor2@hospitalB
is "it says what for" HRESCH bash -c "chartfs accesses $P | grep doctor2 | cut -f 6 | sort -u"
ok "doctor1 writes" bash -c "echo '{\"by\":\"doctor1\"}' >$D1/EMR05/y.json"
soon "a lease to write" "EMR05 write TREAT" bash -c "chartfs accesses $P | grep doctor1 | cut -f 4-6 | tr '\t' ' '"
before=$(leases patient3@hospitalC)
ok "the owner reads all" within 5 bash -c "cat $P/EMR0[45]/*.json >/dev/null && grep -q doctor1 $P/EMR05/y.json"
is "and took no lease for it" "$before" leases patient3@hospitalC

ok "a grant for treatment" bash -c "
	echo '{\"z\":1}' >$P/EMR06/z.json &&
	chartfs grant $P --to doctor2 --sections EMR06 --verbs read --purpose TREAT"
is "it says so" "EMR06 read for TREAT" bash -c "grep EMR06 $P/GRANTS/doctor2@hospitalB"
ok "is in force" within 5 test -e "$D2/EMR06/z.json"
fails "and opens nothing to research" 1 "Permission denied" cat "$D2/EMR06/z.json"
ok "one for research" chartfs grant "$P" --to doctor2 --sections EMR06 --verbs read --purpose RESEARCH
ok "does" within 5 cat "$D2/EMR06/z.json"

ok "doctor2 goes" chartfs umount "$work/doctor2"
ok "and comes with a short lease" mount_with doctor2 lease=10
exec 3<"$D2/EMR04/7.json" 4<"$D2/EMR04/8.json"
ok "a file that stays open" grep -q n <&3
soon "one lease more" 4 leases doctor2@hospitalB
ok "the same from the cache" grep -q n "$D2/EMR04/7.json"
is "none more" 4 leases doctor2@hospitalB
sleep 12
ok "what is read after its end" grep -q n "$D2/EMR04/7.json"
soon "takes the next one" 5 leases doctor2@hospitalB

for n in 2 3 4; do
	devnet peer "$net" $n kill
done
ok "what was leased goes on" cat "$D2/EMR04/7.json"
fails "what was not does not" 1 "Connection timed out" cat "$D1/EMR04/1.json"
ok "the owner reads" cat "$P/EMR04/1.json"
sleep 3
fails "until it ends, for open files, too" 1 "Connection timed out" cat <&4
exec 3<&- 4<&-
for n in 2 3 4; do
	devnet peer "$net" $n start
done
recovers "with the peers everybody reads" 30 cat "$D1/EMR04/1.json"
