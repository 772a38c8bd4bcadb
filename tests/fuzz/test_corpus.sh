#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_corpus.sh - each fuzz target over the golden vectors and its own corpus (made by seeds.c), cut at every
# length and with every byte changed.
set -eu
cd "$(dirname "$0")/../.."
set -- tests/fuzz/fuzz_*.c
echo "1..$#"
failed=0
for source in "$@"; do
	name=$(basename "$source" .c)
	corpus=tests/fuzz/corpus/${name#fuzz_}
	set -- tests/vectors/*.hex
	[ ! -d "$corpus" ] || set -- "$@" "$corpus"/*
	if "${O:-build}/$name" "$@" >/dev/null; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		failed=1
	fi
done
exit $failed
