#!/bin/sh
# Prints how many ships there are in all.
total=0
for ships in "$@"; do
	total=$((total + ships))
done
echo "$total"
