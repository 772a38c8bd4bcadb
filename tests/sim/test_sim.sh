#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_sim.sh - every seed that ever failed, and a slice of fresh ones; a long run is `make sim SEEDS=...`.
set -eu
cd "$(dirname "$0")/../.."
exec "${O:-build}/sim" --seeds "${SIM_SEEDS:-3000}" --from 1
