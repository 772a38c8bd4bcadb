#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_bad_input.sh - a clear message naming the thing and the place, the documented errno or exit code, and
# nothing lost.
. "$(dirname "$0")/../lib/mount.sh"

network_up
mount_as doctor1
A=$work/doctor1/patients/patient1/EMR02
echo '{"good":1}' >"$A/r.json"

# save_error TEXT FILE: the error of a save by a tool that checks close
save_error()
{
	python3 - "$1" "$2" <<-'PY'
		import os, sys, errno
		text, path = sys.argv[1], sys.argv[2]
		if text.startswith('@'):
		    text = '{"x":"' + 'a' * (int(text[1:]) - 8) + '"}'
		try:
		    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
		    os.write(fd, text.encode())
		    os.close(fd)
		    print("saved")
		except OSError as e:
		    print(errno.errorcode[e.errno])
	PY
}

is "invalid JSON: EINVAL" EINVAL save_error '{bad' "$A/r.json"
is "the committed version stays" '{"good":1}' cat "$A/r.json"
ok "the reason is in last-error" grep -q 'r.json.*line 1' "$work/doctor1/.chartfs/last-error"
is "two JSON values: EINVAL" EINVAL save_error '{} {}' "$A/r.json"
is "not UTF-8: EINVAL" EINVAL python3 -c "
import os,errno
fd=os.open('$A/r.json',os.O_WRONLY|os.O_TRUNC)
os.write(fd,b'{\"a\":\"\xff\"}')
try: os.close(fd); print('saved')
except OSError as e: print(errno.errorcode[e.errno])"
is "64 KiB is a record" saved save_error @65536 "$A/full.json"
is "65 KiB is none: EFBIG" EFBIG save_error @66560 "$A/large.json"
ok "with its reason" grep -q 65536 "$work/doctor1/.chartfs/last-error"
is "as an attachment it is welcome" saved save_error @66560 "$A/large.txt"
is "a name of 255 bytes" saved save_error '{}' "$A/$(printf 'a%.0s' $(seq 250)).json"
is "a name of 256 bytes: ENAMETOOLONG" ENAMETOOLONG save_error '{}' "$A/$(printf 'a%.0s' $(seq 251)).json"
is "a directory in a file's place" EISDIR save_error '{}' "$work/doctor1/patients/patient1/EMR02"
is "a name of the past: EISDIR" EISDIR save_error '{}' "$A/.snapshots"
is "moving across sections: EXDEV" EXDEV python3 -c "
import os,errno
try: os.rename('$A/r.json','$A/../EMR03/r.json'); print('moved')
except OSError as e: print(errno.errorcode[e.errno])"
is "hard links: EPERM" EPERM python3 -c "
import os,errno
try: os.link('$A/r.json','$A/r2.json'); print('linked')
except OSError as e: print(errno.errorcode[e.errno])"

cp "$net/peer1/peer.ini" "$work/bad.ini"
sed -i "s#\.\./#$net/#; s#^data = .*#data = $work/bad-data#; s#^identity = .*#identity = $net/peer1/identity#" "$work/bad.ini"
ok "the configuration is good" chartfsd -n "$work/bad.ini"
sed 's/^endorse/endorze/' "$work/bad.ini" >"$work/key.ini"
fails "an unknown key" 9 "key.ini:$(grep -n endorze "$work/key.ini" | cut -d: -f1)" chartfsd -n "$work/key.ini"
echo '[nonsense]' | cat "$work/bad.ini" - >"$work/section.ini"
fails "an unknown section" 9 "nonsense" chartfsd -n "$work/section.ini"
fails "no configuration file" 7 "absent.ini" chartfsd -n "$work/absent.ini"
cp -r "$net/peer1/identity" "$work/identity"
sed "s#^identity = .*#identity = $work/identity#" "$work/bad.ini" >"$work/id.ini"
mv "$work/identity/sign.key" "$work/identity/gone"
fails "a missing key file" 7 "sign.key" chartfsd "$work/id.ini"
mv "$work/identity/gone" "$work/identity/sign.key"
chmod 644 "$work/identity/sign.key"
fails "a key file open to others" 4 "sign.key" chartfsd "$work/id.ini"
chmod 600 "$work/identity/sign.key"
echo wrong >"$work/passphrase"
sed "s#^passphrase-file = .*#passphrase-file = $work/passphrase#" "$work/id.ini" >"$work/pass.ini"
fails "a wrong passphrase" 12 "passphrase" chartfsd "$work/pass.ini"
mkdir "$work/foreign"
echo secret >"$work/foreign/pass"
{
	chartfs-ca init "$work/foreign/root" --name foreign --passphrase-file "$work/foreign/pass" --rounds 1000
	chartfs-ca intermediate "$work/foreign/ca" --parent "$work/foreign/root" --org hospitalA --passphrase-file "$work/foreign/pass" --rounds 1000
	chartfs-ca issue "$work/foreign/peer" --ca "$work/foreign/ca" --name peer1 --org hospitalA --role peer --tls-host 127.0.0.1 \
		--passphrase-file "$work/foreign/pass" --rounds 1000
	chartfs-ca issue "$work/foreign/doctor" --ca "$work/foreign/ca" --name doctor9 --org hospitalA --role doctor \
		--passphrase-file "$work/foreign/pass" --rounds 1000
} >/dev/null 2>&1
sed "s#^identity = .*#identity = $work/foreign/peer#; s#^passphrase-file = .*#passphrase-file = $work/foreign/pass#" "$work/bad.ini" >"$work/foreign.ini"
fails "a foreign peer" 10 "not in consortium" chartfsd "$work/foreign.ini"
cat >"$work/foreign-mount.ini" <<-INI
	[mount]
	identity = $work/foreign/doctor
	passphrase-file = $work/foreign/pass
	genesis = $net/genesis
	root = $net/ca/root/ca.pem
	data = $work/foreign/data
INI
mkdir "$work/foreign-mnt"
ok "a foreign doctor mounts nothing" bash -c "! timeout 60 chartfs mount --config $work/foreign-mount.ini $work/foreign-mnt 2>$work/foreign.err"
ok "and is told why" grep -Eqi 'consortium|certificate|root' "$work/foreign.err"
fails "an unknown mount option" 1 "nonsense" chartfs mount -o nonsense --config "$work/foreign-mount.ini" "$work/foreign-mnt"
fails "an unknown verb" 1 "frobnicate" chartfs frobnicate
ok "the network goes on" within 10 same_heads
