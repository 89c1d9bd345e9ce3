#!/bin/sh
# Builds the whole addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs its tests on it, mutated index
# files among them; arguments choose others. CXX chooses another compiler. Node itself is not instrumented, so leaks are
# not looked for.
set -eu
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
# A test runs as another user.
chmod 755 "$out"
trap 'rm -rf "$out"' EXIT
headers=$(node -p "require('node-addon-api').include_dir")
prefix=$(node -p "require('path').dirname(require('path').dirname(process.execPath))")
[ -e "$prefix/include/node/node_api.h" ] || prefix=/usr
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
(cd native/src && find . -name '*.cpp' | sed 's|^./||') | xargs -P "$(getconf _NPROCESSORS_ONLN)" -I{} sh -c \
  '"$0" -O1 -g -std=c++17 -ffp-contract=off -fPIC -fexceptions -fno-omit-frame-pointer '"$sanitize"' -DNAPI_VERSION=8 \
    -DNODE_ADDON_API_DISABLE_DEPRECATED -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS -I'"$headers"' -I'"$prefix"'/include/node \
    -c "native/src/{}" -o "'"$out"'/$(echo "{}" | tr / _).o"' "${CXX:-g++}"
# shellcheck disable=SC2086
${CXX:-g++} -shared $sanitize "$out"/*.o -lfaiss -lopenblas -lgomp -Wl,-z,nodelete -o "$out/nestbit_faiss.node"
cd ../..
[ $# -gt 0 ] || set -- test/faiss/arguments test/faiss/binary-index test/faiss/copies test/faiss/damaged-files test/faiss/golden \
  test/faiss/odd-paths test/faiss/old-stores test/faiss/pulled-memory test/faiss/shrinking-files test/faiss/stopping test/faiss/store \
  test/faiss/terminated-workers test/fuzz
LD_PRELOAD="$(${CXX:-g++} -print-file-name=libasan.so) $(${CXX:-g++} -print-file-name=libubsan.so)" \
  ASAN_OPTIONS=detect_leaks=0 NESTBIT_TEST_BACKENDS=none NESTBIT_SANITIZED=1 NESTBIT_ADDON="$out/nestbit_faiss.node" \
  node node_modules/vitest/vitest.mjs run "$@"
