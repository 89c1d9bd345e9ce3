#!/bin/sh
# Builds with -O3 and no -m flag, as the addon is, and prints the figures. Arguments: see time.cpp.
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
${CXX:-g++} -O3 -std=c++17 -ffp-contract=off -fPIC -Wall -Wextra ../src/kernels/*.cpp time.cpp -o "$out/time"
"$out/time" "$@"
