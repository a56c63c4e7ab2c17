#!/usr/bin/env bash
# scripts/fuzz.sh [SECONDS]
# Builds the fuzz target of the ONNX import (preset asan: Clang, address and undefined-behaviour sanitizers) and runs it from
# the reference networks for so many seconds (default 60). What it finds is left in build-asan/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
jobs=$(nproc 2>/dev/null || echo 2)
cmake --preset asan >/dev/null
cmake --build build-asan -j "$jobs" --target fuzz_onnx_import
fuzz=build-asan/fuzz
mkdir -p $fuzz/corpus $fuzz/findings
# Small seeds: large weights only slow it down.
find tests/data/onnx -name '*.onnx' -size -32k -exec cp -n {} $fuzz/corpus \;
OPENBLAS_NUM_THREADS=1 build-asan/tests/onnx/fuzz/fuzz_onnx_import -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 \
  -malloc_limit_mb=2048 -max_len=40000 -print_final_stats=1 -verbosity=0 -artifact_prefix=$fuzz/findings/ $fuzz/corpus
