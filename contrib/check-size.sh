#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check-size.sh - files of 500 lines at most (tests: 600), functions of 70, lines of 110 columns.
set -u
cd "$(dirname "$0")/.." || exit 1

bad=$(
	for file in ledger/*.[ch] acl/*.[ch] net/*.[ch] fs/*.[ch] tests/*/*.[ch]; do
		[ -e "$file" ] || continue
		case $file in
		tests/*) lines_max=600 function_max=0 ;;
		*) lines_max=500 function_max=70 ;;
		esac
		# Functions have their braces in column 1, alone; the body counts, braces not.
		expand -t 8 "$file" | awk -v file="$file" -v lines_max="$lines_max" -v function_max="$function_max" '
		length($0) > 110 { print file ":" NR ": " length($0) " columns, 110 allowed" }
		$0 == "{" { start = NR }
		$0 == "}" && start {
			if (function_max && NR - start - 1 > function_max)
				print file ":" start ": function of " NR - start - 1 " lines, " function_max " allowed"
			start = 0
		}
		END { if (NR > lines_max) print file ": " NR " lines, " lines_max " allowed" }'
	done
)

if [ -n "$bad" ]; then
	echo "$bad" >&2
	exit 1
fi
