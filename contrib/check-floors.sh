#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check-floors.sh - include rules. A folder includes only itself and the floors below it
# (ledger < acl < net < fs), by full path; each outside library is named in one place; what x_private.h
# declares is for x.c and x_*.c;
# the agreement core (net/pbft*) sees nothing that could do input or output.
set -u
cd "$(dirname "$0")/.." || exit 1

bad=$(
	for file in ledger/*.[ch] acl/*.[ch] net/*.[ch] fs/*.[ch]; do
		[ -e "$file" ] && grep -HE '^[[:space:]]*#[[:space:]]*include' "$file"
	done | awk '
	function complain(why) { print file ": includes " name ": " why; }

	# Where an outside header may stand, as a pattern of files; "" for a header of the C library.
	function home(header) {
		if (header ~ /^openssl\//) return "^(ledger/crypto[a-z_]*|acl/x509[a-z_]*)\\.c$";
		if (header == "lmdb.h") return "^ledger/db(_[a-z]+\\.c|_private\\.h|\\.c)$";
		if (header ~ /^nng\//) return "^net/transport(_[a-z]+)?\\.[ch]$";
		if (header == "ini.h") return "^net/conf\\.c$";
		if (header == "jansson.h") return "^fs/json\\.c$";
		if (header ~ /fuse/) return "^fs/";
		return "";
	}

	BEGIN {
		floor["ledger"] = 1; floor["acl"] = 2; floor["net"] = 3; floor["fs"] = 4;
	}

	{
		file = $0; sub(/:.*/, "", file);
		line = substr($0, length(file) + 2);
		own = !(line ~ /</);
		name = line; gsub(/^[^<"]*[<"]|[>"].*$/, "", name);
		from = file; sub(/\/.*/, "", from);
		to = name; sub(/\/.*/, "", to);
		core = file ~ /^net\/pbft[^\/]*$/;

		if (own && !(to in floor)) complain("not by full path");
		else if (own && floor[to] > floor[from]) complain("upward");
		if (own && name ~ /_private\.h$/) {
			noun = name; sub(/_private\.h$/, "", noun);
			if (file !~ "^" noun "[._]") complain("private");
		}
		if (own && core && name !~ /^(ledger\/(err|mem|buf|codec|crypto|certificate)|net\/pbft[a-z_]*)\.h$/)
			complain("not for the agreement core");
		if (!own && home(name) != "" && file !~ home(name)) complain("its place is elsewhere");
		if (!own && core && name !~ /^(assert|stdbool|stddef|stdint|string)\.h$/)
			complain("not for the agreement core");
	}'
)

if [ -n "$bad" ]; then
	echo "$bad" >&2
	exit 1
fi
