#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Stands for the unit tests where cmocka was not found: names each as skipped.

count=0
for name in $UNIT_TESTS; do
	count=$((count + 1))
	echo "ok $count - $name # SKIP cmocka was not found by configure"
done
echo "1..$count"
