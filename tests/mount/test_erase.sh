#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_erase.sh - erasure of a file and of a patient on a real network: ENOKEY for everybody and every version,
# at once and for open files, on a peer that was down meanwhile and on one restored from an old copy, on a mount
# that is new; what was not named stays; the ledger still verifies.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as patient3
mount_as doctor2
P=$work/patient3/patients/patient3
D=$work/doctor2/patients/patient3

# error_of FILE: the name of the errno of opening and reading it
error_of()
{
	python3 - "$1" <<'PY'
import errno, sys
try:
    open(sys.argv[1], "rb").read()
    print("read")
except OSError as e:
    print(errno.errorcode[e.errno])
PY
}

# mount_conf WHO: a configuration for the tool
mount_conf()
{
	cat >"$work/tool.ini" <<-INI
		[mount]
		identity = $net/who/$1
		passphrase-file = $net/passphrase
		genesis = $net/genesis
		root = $net/ca/root/ca.pem
		data = $work/tool.data
	INI
}

# certificate TRANSACTION FILE
certificate()
{
	chartfs destruction "$1" --config "$work/tool.ini" -o "$2"
}

# verified FILE COUNT TEXT: so many members signed, and it says so
verified()
{
	local out
	out=$(chartfs-verify "$net/genesis" "$1") || return
	[ "$(grep -c '^destroyed by' <<<"$out")" -ge "$2" ] && grep -qE "$3" <<<"$out"
}

# spoiled FILE: with any byte of it changed it proves nothing (forty of them are tried)
spoiled()
{
	python3 - "$1" "$work/spoiled" "$net/genesis" <<-'PY'
		import subprocess, sys
		good = open(sys.argv[1], "rb").read()
		for i in range(40):
		    bad = bytearray(good)
		    bad[(i * 997 + 1) % len(bad) if i else len(bad) - 1] ^= 0x10
		    open(sys.argv[2], "wb").write(bad)
		    if subprocess.run(["chartfs-verify", sys.argv[3], sys.argv[2]], capture_output=True).returncode != 2:
		        sys.exit("byte %d may be changed" % ((i * 997 + 1) % len(bad)))
	PY
}

head -c 300000 /dev/urandom >"$work/scan"
ok "three versions of a record, a scan, and others" bash -c "
	for i in 1 2 3; do echo '{\"secret\":'\$i'}' >$P/EMR02/a.json; done
	cp $work/scan $P/EMR04/scan.bin && echo '{\"keep\":1}' >$P/EMR02/keep.json && echo '{\"gone\":1}' >$P/EMR02/gone.json
	echo '{\"other\":1}' >$P/EMR02/new && mv $P/EMR02/new $P/EMR02/a.json && rm $P/EMR02/gone.json"
ok "a doctor may read and modify" chartfs grant "$P" --to doctor2 --sections EMR02,EMR04 --verbs read,add,modify
soon "and reads" '{"other":1}' cat "$D/EMR02/a.json"
height=$(chartfs status "$P" | awk -F'[ ,]+' '/"height"/ { print $3; exit }')
devnet peer "$net" 4 stop
cp -a "$net/peer4/data" "$work/backup"
devnet peer "$net" 4 start
exec 7<"$D/EMR02/a.json"
exec 8<"$work/doctor2/at/@$height/patients/patient3/EMR02/a.json"
fails "a doctor erases nothing" 4 "only the patient erases" chartfs erase "$D/EMR02/a.json"
fails "nor the patient" 4 "only the patient erases" chartfs erase --patient "$D"
fails "a name that never was" 7 "never-was" chartfs erase "$P/EMR02/never-was.json"
devnet peer "$net" 4 kill
chartfs erase "$P/EMR02/a.json" >"$work/said"
point "erase a record" $?
erasure=$(sed -n 's/.* by transaction \([0-9a-f]*\) .*/\1/p' "$work/said")
ok "a scan" chartfs erase "$P/EMR04/scan.bin"
ok "a record that is deleted" chartfs erase "$P/EMR02/gone.json"
is "the owner gets ENOKEY" ENOKEY error_of "$P/EMR02/a.json"
soon "the doctor, too" ENOKEY error_of "$D/EMR02/a.json"
is "of the scan as well" ENOKEY error_of "$P/EMR04/scan.bin"
for v in "$P/EMR02/.history/a.json/"*; do
	is "version $(basename "$v" | cut -c1-12)" ENOKEY error_of "$v"
done
is "the past" ENOKEY error_of "$work/doctor2/at/@$height/patients/patient3/EMR02/a.json"
ok "files that were open serve nothing" bash -c "! head -c 1 <&7 2>/dev/null | grep . && ! head -c 1 <&8 2>/dev/null | grep ."
is "what was not named stays" '{"keep":1}' cat "$D/EMR02/keep.json"
ok "the name can be removed and used again" bash -c "rm $P/EMR02/a.json && echo '{\"again\":1}' >$P/EMR02/a.json"
soon "and that is read" '{"again":1}' cat "$D/EMR02/a.json"
exec 7<&- 8<&-
rm -rf "$net/peer4/data" && cp -a "$work/backup" "$net/peer4/data"
devnet peer "$net" 4 start
ok "a peer restored from an old copy catches up" within 20 same_heads
mount_conf doctor2
devnet peer "$net" 1 stop
ok "three of four certify the destruction, the restored one among them" certificate "$erasure" "$work/certificate"
certificate "$erasure" "$work/again"
ok "asked again at once they look no more, and say what they said" cmp "$work/certificate" "$work/again"
ok "which is checked offline" verified "$work/certificate" 3 "erased       [0-9a-f]{32}"
devnet peer "$net" 2 stop
fails "two do not" 5 "2 of 4 members" certificate "$erasure" "$work/none"
ok "and write nothing" test ! -e "$work/none"
devnet peer "$net" 2 start
ok "a damaged certificate is none" spoiled "$work/certificate"
fails "what erased nothing is not certified" 1 "erases nothing" certificate "$(chartfs show "$D/EMR02/keep.json" |
	sed -n 's/.*"txid": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)" "$work/none"
mount_as doctor1
ok "a doctor of the first hospital" chartfs grant "$P" --to doctor1 --sections EMR02,EMR04 --verbs read
soon "a new mount reads what stays" '{"keep":1}' cat "$work/doctor1/patients/patient3/EMR02/keep.json"
is "and nothing of what was erased" ENOKEY error_of "$work/doctor1/patients/patient3/EMR04/scan.bin"
devnet peer "$net" 1 start
exec 7<"$D/EMR02/keep.json"
chartfs erase --patient "$P" >"$work/said"
point "erase the patient" $?
ok "the peers certify that as well" certificate "$(sed -n 's/.* by transaction \([0-9a-f]*\) .*/\1/p' "$work/said")" \
	"$work/certificate"
ok "for all of the patient" verified "$work/certificate" 3 "erased       all of the patient"
ok "nobody knows of them" within 5 bash -c "! ls $work/patient3/patients | grep patient3 && ! ls $work/doctor2/patients | grep patient3"
ok "nor reads on" bash -c "! head -c 1 <&7 2>/dev/null | grep ."
exec 7<&-
ok "heads and state roots are equal" within 20 same_heads
for n in 1 4; do
	devnet peer "$net" $n stop
	ok "peer $n's ledger verifies" chartfs verify --data "$net/peer$n/data" --genesis "$net/genesis"
done
