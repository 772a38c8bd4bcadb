#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_decoder.sh - the golden vectors by the independent decoder.
exec python3 "$(dirname "$0")/../vectors/decode.py"
