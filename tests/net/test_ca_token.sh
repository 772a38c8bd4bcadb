#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_ca_token.sh - an authority whose key is in a token (SoftHSM): it issues, signs lists, serves; a wrong PIN is
# exit code 12; and no file of the authority holds a key.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=$(cd "${O:-build}" && pwd)
PATH=$bin:$PATH
work=$(mktemp -d "${TMPDIR:-/var/tmp}/chartfs-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
points=0
failures=0

module=$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -n 1)
[ -n "$module" ] && command -v pkcs11-tool >/dev/null || {
	echo "no SoftHSM here"
	exit 77
}

# ok NAME WANTED-EXIT COMMAND...
ok()
{
	local name=$1 want=$2 out status
	shift 2
	out=$("$@" 2>&1)
	status=$?
	points=$((points + 1))
	if [ $status = "$want" ]; then
		echo "ok $points - $name"
	else
		failures=$((failures + 1))
		printf '%s\n' "not ok $points - $name" "# $*" "# exit $status, wanted $want"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

mkdir "$work/tokens"
cd "$work" || exit 1
echo "directories.tokendir = $work/tokens" >softhsm.conf
export SOFTHSM2_CONF=$work/softhsm.conf PKCS11_MODULE_PATH=$module
uri='pkcs11:token=ca;object=hospA;type=private'
(umask 077 && echo 1234 >pin && echo 9999 >wrong && echo pw >pass)

ok "a token" 0 softhsm2-util --init-token --free --label ca --pin 1234 --so-pin 5678
ok "with a key" 0 pkcs11-tool --module "$module" --login --pin 1234 --keypairgen --key-type EC:prime256v1 --id 01 --label hospA
ok "a root" 0 chartfs-ca init root --name Root --rounds 1000 --passphrase-file pass
ok "an authority with the token's key" 0 chartfs-ca intermediate A --parent root --org hospA --pkcs11 "$uri" \
	--passphrase-file pin --ca-passphrase-file pass
ok "no key in its files" 1 grep -rl 'PRIVATE KEY' A
ok "it issues" 0 chartfs-ca issue boss --ca A --name boss --role manager --rounds 1000 --passphrase-file pass --ca-passphrase-file pin
ok "openssl verifies what it issued" 0 openssl verify -CAfile root/ca.pem -untrusted boss/cert.pem boss/cert.pem
ok "it has an authority below it" 0 chartfs-ca intermediate ward --parent A --org hospA --name ward --rounds 1000 \
	--passphrase-file pass --ca-passphrase-file pin
ok "it signs a list" 0 chartfs-ca gencrl A --out crl.pem --root root/ca.pem --ca-passphrase-file pin
ok "openssl verifies the list" 0 openssl crl -in crl.pem -CAfile A/ca.pem -noout
ok "a manager sees what it issued" 0 chartfs-ca identity list A --root root/ca.pem --as boss --passphrase-file pass \
	--ca-passphrase-file pin
ok "a wrong PIN" 12 chartfs-ca gencrl A --out crl2.pem --root root/ca.pem --ca-passphrase-file wrong
echo 'pkcs11:token=ca;object=other;type=private' >A/ca.pkcs11
ok "another key's name" 12 chartfs-ca gencrl A --out crl2.pem --root root/ca.pem --ca-passphrase-file pin
chmod 644 A/ca.pkcs11
ok "a URI file that others may write to or read" 4 chartfs-ca gencrl A --out crl2.pem --root root/ca.pem --ca-passphrase-file pin
echo "1..$points"
[ "$failures" = 0 ]
