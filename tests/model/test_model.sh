#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_model.sh - all states of one height, four members, one liar; and eight mistakes that the search must
# find. MODEL_VIEWS=3 is quicker.
exec "${O:-build}/model" --views "${MODEL_VIEWS:-4}"
