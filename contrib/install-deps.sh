#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install-deps.sh [demo|check] - installs the Debian 12 packages that are missing: those the build needs, with
# `demo` also the tools its tour offers, with `check` also those of lint and tests, with `office` those of make office. Touches no network when all
# are there.
set -eu

packages='gcc libc6-dev make pkg-config libssl-dev liblmdb-dev libnng-dev libinih-dev libjansson-dev
	libfuse3-dev fuse3'
tools='vim-tiny nano rsync jq dcmtk'
case ${1-} in
'') ;;
office)
	packages="$packages $tools libreoffice-writer-nogui python3-uno unzip orthanc python3"
	# Orthanc is started by the test alone: no service of it is left running
	services_stay_off=1
	;;
demo)
	packages="$packages $tools"
	;;
check)
	packages="$packages $tools openssl gdb softhsm2 libengine-pkcs11-openssl opensc clang-format clang python3 attr git sqlite3 iproute2 procps tcpdump man-db groff samba smbclient restic borgbackup inotify-tools e2fsprogs"
	;;
*)
	echo "usage: $0 [demo|check|office]" >&2
	exit 1
	;;
esac

missing=
for package in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "all packages are installed"
	exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
	echo "missing:$missing" >&2
	echo "$0: run it as root, or: apt-get install$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
rc=/usr/sbin/policy-rc.d
if [ -n "${services_stay_off-}" ] && [ ! -e $rc ]; then
	printf '#!/bin/sh\nexit 101\n' >$rc
	chmod +x $rc
	trap 'rm -f $rc' EXIT
fi
apt-get update
# word splitting wanted: a list of package names
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends $missing
if [ -n "${services_stay_off-}" ] && [ -d /run/systemd/system ]; then
	systemctl disable --now orthanc >/dev/null 2>&1 || true
fi
