#!/usr/bin/env bash
# scripts/fuzz.sh [SECONDS]
# Builds the fuzz target of the ONNX import with Clang, address and undefined-behaviour sanitizers, and runs it from the
# reference networks for so many seconds (default 60). What it finds is left in build-fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
jobs=$(nproc 2>/dev/null || echo 2)
cmake --preset fuzz >/dev/null
cmake --build build-fuzz -j "$jobs" --target fuzz_onnx_import
mkdir -p build-fuzz/corpus build-fuzz/findings
# Small seeds: large weights only slow it down.
find tests/data/onnx -name '*.onnx' -size -32k -exec cp -n {} build-fuzz/corpus \;
OPENBLAS_NUM_THREADS=1 build-fuzz/tests/fuzz/fuzz_onnx_import -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
  -malloc_limit_mb=2048 -max_len=40000 -print_final_stats=1 -verbosity=0 \
  -artifact_prefix=build-fuzz/findings/ build-fuzz/corpus
