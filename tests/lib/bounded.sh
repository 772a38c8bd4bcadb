# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# bounded.sh - sourced after mount.sh by tests of a mount whose memory is bounded by the kernel: a memory cgroup of
# its own, version 2 or 1, in which page cache counts, too. Without one the bound is on what the process reports.

bound=
for base in /sys/fs/cgroup /sys/fs/cgroup/unified; do
	grep -qsw memory "$base/cgroup.controllers" || continue
	echo +memory >"$base/cgroup.subtree_control" 2>/dev/null
	mkdir "$base/chartfs-test-$$" 2>/dev/null || continue
	[ -e "$base/chartfs-test-$$/memory.max" ] && bound=$base/chartfs-test-$$ limit_file=memory.max && break
	rmdir "$base/chartfs-test-$$"
done
if [ -z "$bound" ] && mkdir "/sys/fs/cgroup/memory/chartfs-test-$$" 2>/dev/null; then
	bound=/sys/fs/cgroup/memory/chartfs-test-$$ limit_file=memory.limit_in_bytes
fi

after_all=bounded_end
bounded_end()
{
	[ -z "$bound" ] || rmdir "$bound" 2>/dev/null
}

# bounded MIB COMMAND...: in the cgroup; processes that it leaves behind stay there
bounded()
{
	local mib=$1
	shift
	if [ -z "$bound" ]; then
		"$@"
		return
	fi
	echo $((mib << 20)) >"$bound/$limit_file" && bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$bound" "$@"
}

# killed: how often something in the cgroup was killed for want of memory
killed()
{
	sed -n 's/^oom_kill \([0-9]*\)/\1/p' "$bound"/memory.events "$bound"/memory.oom_control 2>/dev/null
}

# of_process PID FIELD: MiB, rounded up, as /proc/PID/status has it
of_process()
{
	awk -v field="$2:" '$1 == field { print int(($2 + 1023) / 1024) }' "/proc/$1/status"
}
