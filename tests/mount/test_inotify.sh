#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_inotify.sh - programs that watch a directory on one mount are told of what another one makes, saves, renames and
# removes; no transaction is made by that, nothing is kept from ending, and a switch turns it off.
. "$(dirname "$0")/../lib/mount.sh"

command -v inotifywait >/dev/null || {
	echo "no inotifywait here"
	exit 77
}
network_up
mount_as patient1
mount_as doctor1
here_dir=$work/doctor1/patients/patient1/EMR02
P=$work/patient1/patients/patient1/EMR02
save "$P/old.json" '{"n":1}'
save "$P/gone.json" '{"n":1}'
mkdir "$P/dir"
soon "what is there is seen" "dir
gone.json
old.json" ls "$here_dir"
ls -l "$here_dir" >/dev/null

# watch LOG DIR: events of it, one a line, from when it is set up
watch()
{
	inotifywait -q -m -e create,modify,close_write,delete,attrib --format '%e %f' "$2" >"$1" 2>/dev/null &
	watcher=$!
	sleep 1
}

# told EVENT NAME: within some seconds
told()
{
	within 10 grep -qx "$1 $2" "$work/events"
}

# height: of the ledger
height()
{
	devnet status "$net" | awk '$1 == "peer1" { print $3 + 0 }'
}

watch "$work/events" "$here_dir"
save "$P/new.json" '{"n":1}'
ok "a new file" told CREATE new.json
ok "and that it is written" told CLOSE_WRITE,CLOSE new.json
is "it is read when told of" '{"n":1}' cat "$here_dir/new.json"
save "$P/old.json" '{"n":2}'
ok "a saved one" told MODIFY old.json
ok "and that it is written" told CLOSE_WRITE,CLOSE old.json
is "it is the new one" '{"n":2}' cat "$here_dir/old.json"
rm "$P/gone.json"
ok "a removed one" told DELETE gone.json
ok "it is gone" bash -c "! test -e $here_dir/gone.json"
mkdir "$P/made"
ok "a directory" told CREATE,ISDIR made
rmdir "$P/dir"
ok "one that is removed" told DELETE,ISDIR dir
mv "$P/new.json" "$P/moved.json"
ok "a renamed one" told CREATE moved.json
ok "from its old name" told DELETE new.json
sed -i s/1/7/ "$P/moved.json"
ok "one saved by a rename" within 10 bash -c "[ \$(grep -c ' moved.json' $work/events) -ge 4 ]"
is "and read" '{"n":7}' cat "$here_dir/moved.json"
is "both see the same names" "$(ls "$P")" ls "$here_dir"

before=$(height)
for i in 1 2 3 4 5 6 7 8 9 10; do
	save "$P/many-$i.json" "{\"n\":$i}"
done
ok "many" within 10 bash -c "[ \$(grep -c '^CREATE many-' $work/events) = 10 ]"
sleep 1
after=$(height)
# a save each, and some leases; one more for each event would be twenty
ok "nothing is committed by telling ($before, $after)" [ $((after - before)) -le 15 ]
is "a local change is told of once" 1 bash -c "save $here_dir/local.json '{}'; sleep 1; grep -c '^CREATE local.json' $work/events"
sleep 1
kill "$watcher"
wait "$watcher" 2>/dev/null

# nothing in it was ever looked up or listed here
mkdir "$P/fresh"
within 5 test -d "$here_dir/fresh"
watch "$work/events" "$here_dir/fresh"
save "$P/fresh/new.json" '{"n":1}'
ok "a new file in a directory that was never listed" told CREATE new.json
save "$P/fresh/new.json" '{"n":2}'
ok "and its next version" told MODIFY new.json
rm "$P/fresh/new.json"
ok "and its end" told DELETE new.json
kill "$watcher"
wait "$watcher" 2>/dev/null

watch "$work/events" "$here_dir"
while save "$P/busy.json" "{\"n\":$((n = ${n:-0} + 1))}" && [ ! -e "$work/enough" ]; do :; done &
saver=$!
ok "while saves come in, other things go on" bash -c "for i in 1 2 3 4 5 6 7 8; do save $here_dir/mine-\$i.json '{}' && rm $here_dir/mine-\$i.json || exit 1; done"
kill "$watcher"
wait "$watcher" 2>/dev/null
ok "and a mount that tells ends at once" timeout 20 "$here/contrib/devnet" umount "$work/doctor1"
touch "$work/enough"
wait "$saver"

conf=$(ls "$net"/mounts/doctor1-*.ini)
ok "with noinotify" chartfs mount --config "$conf" -o noinotify "$work/doctor1"
ls -l "$here_dir" >/dev/null
watch "$work/events" "$here_dir"
save "$P/quiet.json" '{}'
soon "a save is seen" "{}" cat "$here_dir/quiet.json"
sleep 1
ok "and not told of" bash -c "! grep -q quiet $work/events"
kill "$watcher"
wait "$watcher" 2>/dev/null
umount "$work/doctor1"
