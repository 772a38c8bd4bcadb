#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_orthanc.sh - Orthanc, a DICOM server, with its storage on a mount (its index, a database, elsewhere): receives a
# study, hands it out again byte for byte, also after a remount; a deleted study is in the past.
. "$(dirname "$0")/../lib/solo.sh"

PATH=$PATH:/usr/sbin
command -v Orthanc >/dev/null && command -v storescu >/dev/null || {
	echo "no Orthanc or dcmtk here"
	exit 77
}
count=${IMAGES:-20}
S=$A/orthanc
mkdir "$S" "$work/study"

free_port()
{
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
dicom=$(free_port) http=$(free_port)
cat >"$work/orthanc.json" <<-EOT
	{"Name": "test", "StorageDirectory": "$S", "IndexDirectory": "$work/index", "StorageCompression": false,
	 "DicomAet": "ORTHANC", "DicomPort": $dicom, "HttpPort": $http, "RemoteAccessAllowed": false,
	 "DicomAlwaysAllowStore": true, "Plugins": [], "HttpsVerifyPeers": false}
EOT

also_at_end=end_orthanc
end_orthanc()
{
	kill "${orthanc:-}" 2>/dev/null
	wait "${orthanc:-}" 2>/dev/null
	solo_end
}

# rest PATH [METHOD]: what the server answers
rest()
{
	python3 - "http://127.0.0.1:$http$1" "${2:-GET}" <<-'PY'
		import sys, urllib.request
		request = urllib.request.Request(sys.argv[1], method=sys.argv[2])
		sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=20).read())
	PY
}

serve()
{
	Orthanc "$work/orthanc.json" >"$work/orthanc.log" 2>&1 &
	orthanc=$!
	within 30 rest /system
}

# handed_out: each image that the server has is one of the study, and all are there
handed_out()
{
	for id in $(rest /instances | tr -d '[]" ,'); do
		rest "/instances/$id/file" | sha256sum
	done | sort
}

# stored DIRECTORY: what of the study lies there
stored()
{
	find "$1" -type f -exec sh -c 'sha256sum <"$0"' {} \; | sort | grep -xF "$wanted"
}

for i in $(seq "$count"); do
	cp "$here/contrib/sample/irene-castell/hip-control.dcm" "$work/study/$i.dcm"
done
dcmodify -q -nb -gin "$work"/study/*.dcm
wanted=$(for f in "$work"/study/*.dcm; do sha256sum <"$f"; done | sort)

serve
point "Orthanc starts" $?
from=${EPOCHREALTIME/./}
ok "a study of $count images is sent to it" storescu -aec ORTHANC 127.0.0.1 "$dicom" "$work"/study/*.dcm
awk -v us=$((${EPOCHREALTIME/./} - from)) 'BEGIN { printf "# %.1f s\n", us / 1e6 }'
is "it has them" "$count" bash -c "python3 -c 'import json, urllib.request; print(json.load(urllib.request.urlopen(\"http://127.0.0.1:$http/statistics\"))[\"CountInstances\"])'"
is "and hands out what was sent" "$wanted" handed_out
is "they are on the mount" "$wanted" stored "$S"
then=$(chartfs status "$M" | sed -n 's/^ *"height": \([0-9]*\).*/\1/p' | head -n 1)
kill "$orthanc"
wait "$orthanc"
ok "a remount" remount
serve
point "Orthanc starts again" $?
is "and hands out the same" "$wanted" handed_out
study=$(rest /studies | tr -d '[]" ,\n')
ok "the study is deleted" rest "/studies/$study" DELETE
is "from the mount" "" stored "$S"
is "and is in the past" "$wanted" stored "$M/at/@$then/patients/lena/EMR04/attachments/orthanc"
