# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# writer.sh - sourced after mount.sh: a writer under load and what was acknowledged to it (writer.py).

# writer_start DIRECTORY
writer_start()
{
	python3 "$here/tests/lib/writer.py" "$1" "$work/acked" "$work/stop" >"$work/writer.log" 2>&1 &
	writer=$!
	also_at_end=writer_end
}

writer_end()
{
	touch "$work/stop"
	wait $writer 2>/dev/null
}

# hold_saves COMMAND...: between two saves of the writer's
hold_saves()
{
	rm -f "$work/stop.holds"
	touch "$work/stop.hold"
	within 20 test -e "$work/stop.holds"
	"$@"
	rm "$work/stop.hold"
}

acked()
{
	wc -l <"$work/acked"
}

# Six more saves in 15 seconds.
goes_on()
{
	local before
	before=$(acked)
	within 15 bash -c "[ \$(wc -l <$work/acked) -gt $((before + 5)) ]"
}

# nothing_lost DIRECTORY: ends the writer; each save acknowledged to it stands once in DIRECTORY, another mount's
nothing_lost()
{
	writer_end
	sed 's/^/# /' "$work/writer.log"
	ok "no save failed" bash -c "! grep error $work/writer.log"
	ok "all heads and state roots are equal" within 30 same_heads
	soon "nothing is lost" "$(acked)" bash -c "ls $1 | grep -c ^w-"
	is "nothing is doubled" "$(acked)" bash -c "cd $1 && for i in w-*; do ls .history/\$i; done | wc -l"
}

# pause_saves: the writer ends; what was acknowledged to it is still checked by nothing_lost
pause_saves()
{
	writer_end
}

# try_save FILE: prints "saved" or the name of the errno
try_save()
{
	python3 - "$1" <<-'PY'
		import errno, os, sys
		try:
		    fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
		    os.write(fd, b'{"tried":1}')
		    os.close(fd)
		    print("saved")
		except OSError as e:
		    print(errno.errorcode[e.errno])
	PY
}
export -f try_save
