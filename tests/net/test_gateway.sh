#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_gateway.sh - two gateways at each peer: a public one for patients and governors, a private one for doctors and
# managers; what is signed by the wrong role is refused on each. What the tools say of roles and organizations.
. "$(dirname "$0")/../lib/mount.sh"

network_up
pass=$net/passphrase

# The genesis's addresses become the private gateway; the public one is a port of its own.
public=
port=7400
for n in 1 2 3 4; do
	devnet peer "$net" $n stop
	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
	printf '\n[listen]\nclient-profile = private\npublic = tls+tcp://127.0.0.1:%s\n' $port >>"$net/peer$n/peer.ini"
	public=$public${public:+,}tls+tcp://127.0.0.1:$port
	port=$((port + 1))
done
for n in 1 2 3 4; do
	devnet peer "$net" $n start
done

# conf WHO GATEWAYS NAME
conf()
{
	printf '[mount]\nidentity = %s\npassphrase-file = %s\ngenesis = %s\nroot = %s\ndata = %s\n' "$net/who/$1" "$pass" \
		"$net/genesis" "$net/ca/root/ca.pem" "$work/data-$3" >"$work/$3.ini"
	[ -z "$2" ] || echo "gateways = $2" >>"$work/$3.ini"
}
conf doctor1 '' doctor-private
conf doctor1 "$public" doctor-public
conf patient1 '' patient-private
conf patient1 "$public" patient-public
conf manager1 "$public" manager-public
conf governor1 "$public" governor-public
conf governor1 '' governor-private
for m in doctor patient wrong; do mkdir "$work/$m"; done

ok "a doctor mounts by the private gateway" chartfs mount --config "$work/doctor-private.ini" --log "$work/d.log" "$work/doctor"
ok "a patient by the public one" chartfs mount --config "$work/patient-public.ini" --log "$work/p.log" "$work/patient"
ok "the doctor saves" within 10 save "$work/doctor/patients/patient1/EMR10/a.json" '{"by": "doctor"}'
soon "the patient reads it" '{"by": "doctor"}' cat "$work/patient/patients/patient1/EMR10/a.json"
ok "the patient saves" save "$work/patient/patients/patient1/EMR10/b.json" '{"by": "patient"}'
soon "the doctor reads it" '{"by": "patient"}' cat "$work/doctor/patients/patient1/EMR10/b.json"

ok "a doctor's mount at the public gateway shows what it may" chartfs mount --config "$work/doctor-public.ini" --log "$work/w.log" "$work/wrong"
within 10 ls "$work/wrong/patients/patient1/EMR10"
fails "but saves nothing" 1 "Permission denied" save "$work/wrong/patients/patient1/EMR10/c.json" '{}'
ok "and says why" grep -q "role not served here: a doctor on the public gateway" "$work/wrong/.chartfs/last-error"
fails "nor an attachment" 1 "" bash -c "head -c 300000 /dev/urandom | dd of='$work/wrong/patients/patient1/EMR10/c.bin' status=none"
chartfs umount "$work/wrong"
ok "a patient's mount at the private gateway" chartfs mount --config "$work/patient-private.ini" --log "$work/w.log" "$work/wrong"
within 10 ls "$work/wrong/patients/patient1/EMR10"
fails "saves nothing either" 1 "Permission denied" save "$work/wrong/patients/patient1/EMR10/c.json" '{}'
ok "and says so, too" grep -q "role not served here: a patient on the private gateway" "$work/wrong/.chartfs/last-error"
chartfs umount "$work/wrong"
fails "a manager suspends nobody by the public gateway" 4 "role not served here" \
	chartfs suspend --config "$work/manager-public.ini" doctor1@hospitalA
fails "nor the governor by the private one" 4 "role not served here" \
	chartfs suspend --config "$work/governor-private.ini" doctor1@hospitalA
ok "the governor does by the public one" chartfs suspend --config "$work/governor-public.ini" doctor1@hospitalA

fails "the doctor's status ends with 13 only when revoked" 0 '"identity_status": "suspended"' chartfs status "$work/doctor"
ok "it warns" bash -c "grep -q 'this identity is suspended' '$work/doctor/.chartfs/status'"
ok "a certificate far from its end warns of nothing" bash -c "grep -q '\"warnings\": \\[\\]' '$work/patient/.chartfs/status'"
is "whoami" "patient1@hospitalA, patient" bash -c "chartfs whoami '$work/patient' | head -n 1"
is "roles" "doctor private read,add,modify,delete" bash -c "chartfs rbac show | awk '\$1 == \"doctor\" { print \$1, \$2, \$3 }'"
is "organizations" "hospitalA hospitalB hospitalC hospitalD" bash -c "chartfs org list '$work/patient' | grep -v '^ ' | tr '\n' ' ' | sed 's/ \$//'"
fails "a wrong profile is named" 9 "wants all, public or private" bash -c \
	"sed 's/client-profile = .*/client-profile = both/' '$net/peer1/peer.ini' >'$net/peer1/bad.ini'; chartfsd -n '$net/peer1/bad.ini'"
