#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_ca.sh - an identity's life: an authority as a server, an applicant with keys of their own, a manager's
# approval, enrolment, a file; renewal, a new key, revocation, and the very next save that fails. OpenSSL's own
# tools read what is made.
. "$(dirname "$0")/../lib/mount.sh"

network_up
A=$net/ca/hospitalA
root=$net/ca/root/ca.pem
pass=$net/passphrase
dr=$work/dr9
server_pid=
also_at_end=stop_server

stop_server()
{
	fusermount3 -u "$work/mnt" 2>/dev/null
	[ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null
}

# ca WHO VERB...: as somebody with a directory of the network
ca()
{
	local verb=$1
	shift
	chartfs-ca "$verb" "$@" --root "$root"
}
as()
{
	local who=$1
	shift
	ca "$@" --as "$net/who/$who" --passphrase-file "$pass"
}
export -f ca as
export net root pass

serve()
{
	local port
	for port in $(seq 7300 7399); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	U=tls+tcp://127.0.0.1:$port
	chartfs-ca serve "$A" --listen "$U" --root "$root" --passphrase-file "$pass" >"$work/ca.out" 2>"$work/ca.log" &
	server_pid=$!
	within 10 grep -q listens "$work/ca.out"
}
serve
ok "the authority listens" grep -q "authority 'hospitalA CA' of 'hospitalA' listens" "$work/ca.out"

# --- an applicant ---

(umask 077 && echo "dr9's own" >"$work/pass9")
ok "dr9 applies" ca register "$dr" --ca "$U" --name dr9 --role doctor --rounds 2000 --passphrase-file "$work/pass9"
is "the keys are encrypted" "-----BEGIN ENCRYPTED PRIVATE KEY-----" head -n 1 "$dr/sign.key"
is "and nobody else's to read" "600 600" bash -c "echo \$(stat -c %a '$dr/sign.key' '$dr/kem.key')"
ok "openssl opens one with the passphrase" openssl pkey -in "$dr/sign.key" -passin "file:$work/pass9" -noout
fails "not with another" 1 "Could not" openssl pkey -in "$dr/sign.key" -passin pass:wrong -noout
fails "no certificate before a manager has decided" 8 "no manager has decided" ca enroll "$dr" --ca "$U"
id=$(as manager1 pending "$U" | cut -d' ' -f1)
is "the manager sees the application" "dr9@hospitalA doctor" \
	bash -c "as manager1 pending '$U' | awk '{ print \$2, \$3 }'"
fails "a doctor approves nothing" 4 "a manager decides" as doctor1 approve "$U" --application "$id"
fails "nor does another hospital's manager" 4 "is of 'hospitalB'" as custodianB approve "$U" --application "$id"
fails "nor anybody with a wrong passphrase" 12 "wrong passphrase" bash -c \
	"CHARTFS_PASSPHRASE=wrong ca approve '$U' --application '$id' --as '$net/who/manager1'"
ok "the manager approves" as manager1 approve "$U" --application "$id"
ok "dr9 collects the certificate" ca enroll "$dr" --ca "$U"
ok "openssl verifies the chain" openssl verify -CAfile "$root" -untrusted "$dr/cert.pem" "$dr/cert.pem"
is "the authority has no key but its own" ca.key bash -c "cd '$A' && find . -type f -exec grep -l 'PRIVATE KEY' {} + | sed 's|^./||'"
fails "the name is taken" 6 "has a certificate already" \
	ca register "$work/dr9b" --ca "$U" --name dr9 --role doctor --rounds 2000 --passphrase-file "$work/pass9"
fails "another organization's name is not given" 4 "names nobody of 'hospitalB'" \
	ca register "$work/drB" --ca "$U" --org hospitalB --name drB --role doctor --rounds 2000 --passphrase-file "$work/pass9"
ca register "$work/dr8" --ca "$U" --name dr8 --role doctor --rounds 2000 --passphrase-file "$work/pass9" >"$work/out8"
ok "another application is denied" as manager1 deny "$U" --application "$(grep -o '[0-9a-f]\{32\}' "$work/out8")" --reason 'who is that?'
fails "the applicant is told why" 4 "who is that?" ca enroll "$work/dr8" --ca "$U"

# --- on the ledger, and a file ---

# conf DIR: a mount configuration of that identity
conf()
{
	printf '[mount]\nidentity = %s\npassphrase-file = %s\ngenesis = %s\nroot = %s\ndata = %s\n' \
		"$1" "$work/pass9" "$net/genesis" "$root" "$work/data-$(basename "$1")" >"$1.ini"
}
# of WHO VERB...: with a configuration of the network's own identities
of()
{
	local who=$1 verb=$2
	shift 2
	printf '[mount]\nidentity = %s\npassphrase-file = %s\ngenesis = %s\nroot = %s\ndata = %s\n' \
		"$net/who/$who" "$pass" "$net/genesis" "$root" "$work/data-$who" >"$work/$who.ini"
	chartfs "$verb" --config "$work/$who.ini" "$@"
}
export -f of
export work
conf "$dr"
mkdir -p "$work/mnt"
ok "dr9 registers on the ledger" chartfs register --config "$dr.ini"
mount_as patient1
ok "the patient grants" chartfs grant "$work/patient1/patients/patient1" --to dr9 --sections EMR10 --verbs read,add,modify
ok "dr9 mounts" chartfs mount --config "$dr.ini" --log "$work/dr9.log" "$work/mnt"
note=$work/mnt/patients/patient1/EMR10/dr9.json
within 5 ls "$work/mnt/patients/patient1/EMR10"
ok "dr9 saves a note" save "$note" '{"note": 1}'
soon "the patient reads it" '{"note": 1}' cat "$work/patient1/patients/patient1/EMR10/dr9.json"

# --- renewal: the same key, then another one ---

until_ms()
{
	sed -n 's/.*"not_after_ms": \([0-9]*\).*/\1/p' "$work/patient1/people/dr9@hospitalA.json"
}
before=$(until_ms)
fails "a renewal brings no other's host" 4 "has no TLS certificate for '127.0.0.1'" \
	ca reenroll "$dr" --ca "$U" --tls-host 127.0.0.1 --into "$work/dr9tls" --rounds 2000 --passphrase-file "$work/pass9"
ok "dr9 renews the certificate" ca reenroll "$dr" --ca "$U" --passphrase-file "$work/pass9"
ok "and registers it" chartfs register --config "$dr.ini"
ok "it counts for longer" within 5 bash -c "$(declare -f until_ms); work='$work'; [ \"\$(until_ms)\" -gt $before ]"
ok "dr9 makes a new key" ca reenroll "$dr" --ca "$U" --into "$work/dr9new" --rounds 2000 --passphrase-file "$work/pass9"
conf "$work/dr9new"
fails "doctor1 may not put it on the ledger" 4 "only 'dr9' may renew" \
	of doctor1 renew --passphrase-file "$work/pass9" "$work/dr9new"
ok "by the old key it goes there" chartfs renew --config "$dr.ini" "$work/dr9new"
fails "the old key signs nothing more" 1 "" save "$note" '{"note": "old key"}'
ok "the mount with the old key ends" chartfs umount "$work/mnt"
ok "dr9 mounts with the new key" chartfs mount --config "$work/dr9new.ini" --log "$work/dr9.log" "$work/mnt"
within 5 ls "$work/mnt/patients/patient1/EMR10"
soon "what was written is there" '{"note": 1}' cat "$note"
ok "and can be changed" save "$note" '{"note": 2}'
ok "the note's proof holds" bash -c "cat '$note.proof' >'$work/proof' && chartfs-verify '$net/genesis' '$work/proof' '$note'"

# --- suspended, and back ---

fails "a doctor suspends nobody" 4 "suspends and reinstates nobody" of doctor1 suspend dr9@hospitalA
ok "the governor suspends" of governor1 suspend --reason "an inquiry" dr9@hospitalA
fails "a suspended doctor's save fails" 1 "Key has been revoked" save "$note" '{"note": 3}'
ok "the manager reinstates" of manager1 reinstate dr9@hospitalA
ok "and dr9 saves again" within 5 save "$note" '{"note": 4}'

# --- revoked ---

ok "the manager revokes" as manager1 revoke "$U" --name dr9 --reason left --out "$work/crl.pem"
serial=$(openssl x509 -in "$work/dr9new/cert.pem" -noout -serial | cut -d= -f2)
ok "openssl finds the serial number on the list" bash -c "openssl crl -in '$work/crl.pem' -noout -text | grep -q '$serial'"
ok "openssl verifies the list" openssl crl -in "$work/crl.pem" -CAfile "$A/ca.pem" -noout
fails "openssl's verification refuses the certificate" 2 "certificate revoked" \
	openssl verify -partial_chain -crl_check -CRLfile "$work/crl.pem" -CAfile "$A/ca.pem" "$work/dr9new/cert.pem"
height=$(cat "$work/mnt/.chartfs/height")
ok "a doctor of hospital B carries the list to the ledger" of doctor2 revocations "$work/crl.pem"
fails "the next save fails" 1 "Key has been revoked" save "$note" '{"note": 5}'
ok "within one block" bash -c "[ \$(cat '$work/mnt/.chartfs/height') -le $((height + 1)) ]"
fails "and reading ends" 1 "Key has been revoked" cat "$note"
soon "the patient still has what was saved" '{"note": 4}' cat "$work/patient1/patients/patient1/EMR10/dr9.json"
soon "everybody sees it" revoked bash -c "sed -n 's/.*\"status\": \"\\([a-z]*\\)\".*/\\1/p' '$work/patient1/people/dr9@hospitalA.json'"
fails "the tool ends with 13" 13 "" chartfs register --config "$work/dr9new.ini"
fails "the authority renews no more" 13 "is revoked" ca reenroll "$work/dr9new" --ca "$U" --passphrase-file "$work/pass9"
fails "the list again is stale" 6 "is stale" of doctor2 revocations "$work/crl.pem"
chartfs-ca gencrl "$U" --out "$work/crlB.pem" --root "$root" >/dev/null
sed '/BEGIN CERT/,$d' "$work/crlB.pem" >"$work/crlX.pem"
cat "$net/ca/hospitalB/ca.pem" >>"$work/crlX.pem"
fails "a list under another authority's name is refused" 10 "is not of 'hospitalB CA'" of doctor2 revocations "$work/crlX.pem"
is "the authority's own list of identities" "dr9 revoked manager1 valid" bash -c \
	"as manager1 identity list '$U' | awk '{ sub(/@.*/, \"\", \$2); print \$2, \$4 }' | grep -E '^(dr9|manager1)' | sort -u | tr '\n' ' ' | sed 's/ \$//'"

# --- an authority below an authority below the organization's ---

sub()
{
	chartfs-ca "$@" --rounds 2000 --passphrase-file "$pass" >/dev/null
}
sub intermediate "$work/ward" --parent "$A" --org hospitalA --name "ward CA"
sub intermediate "$work/room" --parent "$work/ward" --org hospitalA --name "room CA"
sub issue "$work/dr7" --ca "$work/room" --name dr7 --role doctor
is "four certificates lead to the root" 4 grep -c 'BEGIN CERT' "$work/dr7/cert.pem"
ok "openssl verifies them" openssl verify -CAfile "$root" -untrusted "$work/dr7/cert.pem" "$work/dr7/cert.pem"
conf "$work/dr7"
sed -i "s|^passphrase-file = .*|passphrase-file = $pass|" "$work/dr7.ini"
ok "the identity registers" chartfs register --config "$work/dr7.ini"
ok "its authority revokes it, offline" as manager1 revoke "$work/room" --name dr7 --out "$work/room.pem"
ok "the list goes to the ledger" of doctor2 revocations "$work/room.pem"
fails "and counts" 13 "revoked" chartfs register --config "$work/dr7.ini"

# --- a peer whose certificate is revoked: it votes, and what it endorses counts for nothing ---

P=$work/patient1/patients/patient1
# endorsers FILE: who endorsed its version
endorsers()
{
	chartfs tx show "$(getfattr --absolute-names --only-values -n user.chartfs.txid "$1")" "$work/patient1" |
		python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["endorsements"]))'
}
ok "the authority revokes its peer" as manager1 revoke "$U" --name peer1 --out "$work/peer1.pem"
ok "the list goes to the ledger, too" of doctor2 revocations "$work/peer1.pem"
devnet peer "$net" 4 stop
ok "a save has two others' endorsements, one after the other" \
	bash -c "for i in 1 2 3 4 5; do echo '{\"after\":'\$i'}' >'$P/EMR10/after.json' || exit; done"
is "and none of the revoked one's" "peer2@hospitalB peer3@hospitalC" endorsers "$P/EMR10/after.json"
devnet peer "$net" 4 start

# --- expiry ---

ok "far from its end" chartfs-ca expiry "$work/dr9new" --within 30d
fails "near its end" 13 "about to" chartfs-ca expiry "$work/dr9new" --within 366d

# --- what the authority's memory shows ---

if command -v gcore >/dev/null; then
	gcore -o "$work/core" "$server_pid" >/dev/null 2>&1
	key=$(openssl pkey -in "$A/ca.key" -passin "file:$pass" -noout -text | sed -n '/^priv:/,/^pub:/p' | grep '^ ' | tr -d ' :\n')
	ok "no key and no passphrase in a core of the authority, its name is" python3 - "$work/core.$server_pid" "${key: -64}" "$pass" <<-'PY'
		import sys
		core = open(sys.argv[1], 'rb').read()
		key = bytes.fromhex(sys.argv[2])
		secret = open(sys.argv[3], 'rb').read().strip()
		found = [x for x in (key, key[::-1], key[:16], key[::-1][:16], secret) if x in core]
		sys.exit(1 if found or b'hospitalA CA' not in core else 0)
	PY
	rm -f "$work"/core.*
fi
is "it can be dumped by nobody else" 0 bash -c "grep -c '^Max core file size  *[1-9u]' /proc/$server_pid/limits"
kill "$server_pid"
wait "$server_pid"
point "the authority ends when told to" $?
server_pid=
ok "the same works offline" chartfs-ca gencrl "$A" --out "$work/offline.pem" --root "$root" --passphrase-file "$pass"
