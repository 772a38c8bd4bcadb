#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_corpus.sh - each fuzz target over the golden vectors, cut at every length and with every byte changed.
set -eu
cd "$(dirname "$0")/../.."
set -- tests/fuzz/fuzz_*.c
echo "1..$#"
failed=0
for source in "$@"; do
	name=$(basename "$source" .c)
	if "${O:-build}/$name" tests/vectors/*.hex >/dev/null; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		failed=1
	fi
done
exit $failed
