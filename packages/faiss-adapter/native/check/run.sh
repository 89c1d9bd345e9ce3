#!/bin/sh
# Builds the check with sanitizers and runs it. CXX chooses another compiler.
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
${CXX:-g++} -O2 -g -std=c++17 -ffp-contract=off -fPIC -Wall -Wextra -Wno-psabi -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  ../src/kernels/*.cpp check*.cpp emulated.cpp -o "$out/check"
"$out/check"
