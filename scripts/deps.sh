#!/usr/bin/env bash
# scripts/deps.sh [build|test|paper|all]
# Finds out which of the packages that Taut needs are missing. Debian and Ubuntu: installs them with apt-get, through sudo
# when not root. Other systems: prints their names for dnf and Homebrew and stops.
#   build  what `make` and `make demo` need (the default)
#   test   that, and what `make test` needs to compare with other programs
#   paper  what draws the figures of `make paper`
#   all    everything, with what `make check` needs, a formatter
set -euo pipefail

# How to see that it is there | Debian | Fedora | Homebrew
build_packages='
command c++                  | g++              | gcc-c++              | gcc
command make                 | make             | make                 | make
cmake 3.25                   | cmake            | cmake                | cmake
command ninja                | ninja-build      | ninja-build          | ninja
command pkg-config           | pkg-config       | pkgconf-pkg-config   | pkgconf
module openblas              | libopenblas-dev  | openblas-devel       | openblas
module lapacke               | liblapacke-dev   | lapack-devel         | lapack
module fftw3                 | libfftw3-dev     | fftw-devel           | fftw
module libhwy                | libhwy-dev       | highway-devel        | highway
module zlib                  | zlib1g-dev       | zlib-devel           | zlib
module protobuf              | libprotobuf-dev  | protobuf-devel       | protobuf
command protoc               | protobuf-compiler | protobuf-compiler   | protobuf
header onnx/common/version.h | libonnx-dev      | onnx-devel           | onnx
module libcrypto             | libssl-dev       | openssl-devel        | openssl
header CLI/CLI.hpp           | libcli11-dev     | cli11-devel          | cli11
module eigen3                | libeigen3-dev    | eigen3-devel         | eigen
module mpfr                  | libmpfr-dev      | mpfr-devel           | mpfr
header boost/version.hpp     | libboost-dev     | boost-devel          | boost
library boost_unit_test_framework | libboost-test-dev | boost-devel    | boost
header benchmark/benchmark.h | libbenchmark-dev | google-benchmark-devel | google-benchmark
header nlohmann/json.hpp     | nlohmann-json3-dev | json-devel         | nlohmann-json
'
test_packages='
python onnx                  | python3-onnx     | python3-onnx         | onnx
python cv2                   | python3-opencv   | python3-opencv       | opencv
folder /usr/share/libonnx-testdata/data | libonnx-testdata | onnx      | onnx
'
paper_packages='
command gnuplot              | gnuplot-nox      | gnuplot              | gnuplot
'
check_packages='
command clang++              | clang            | clang                | llvm
fuzzer clang++               | libclang-rt-14-dev | compiler-rt        | llvm
clang-format 14              | clang-format-14  | clang-tools-extra    | clang-format
'

compiler() { "${CXX:-c++}" "$@"; }
has_fuzzer() { compgen -G "$("$1" -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer*" >/dev/null; }
has_folder() { [[ -d $1 ]]; }
has_command() { command -v "$1" >/dev/null; }
has_cmake() { has_command cmake && printf '%s\n' "$1" "$(cmake --version | awk 'NR == 1 {print $3}')" | sort -VC; }
has_clang-format() { has_command "clang-format-$1" || clang-format --version 2>/dev/null | grep -q "version $1\."; }
has_module() { pkg-config --exists "$1" 2>/dev/null; }
# The system's Python, whose modules are packages, before another one on the path.
has_python() {
  local python=/usr/bin/python3
  [[ -x $python ]] || python=python3
  "$python" -c "import $1" >/dev/null 2>&1
}
has_header() { echo "#include <$1>" | compiler -x c++ -std=c++20 -M - >/dev/null 2>&1; }
# The compiler prints a full path for a library that it finds.
has_library() {
  local suffix
  for suffix in so dylib; do
    [[ $(compiler -print-file-name="lib$1.$suffix" 2>/dev/null) == */* ]] && return
  done
  return 1
}

# Prints the lines of the tables whose probe fails.
missing() {
  local line kind name
  while IFS= read -r line; do
    [[ $line ]] || continue
    read -r kind name _ <<<"$line"
    "has_$kind" "$name" || echo "$line"
  done
}

# Column $1 of the lines on stdin, on one line, each name once.
column() { awk -F'|' -v n="$1" '{gsub(/ /, "", $n); if (!seen[$n]++) printf "%s%s", (NR > 1 ? " " : ""), $n}'; }

install_with_apt() {
  local as_root=()
  if ((EUID != 0)); then
    if ! has_command sudo; then
      echo "Missing packages, and neither root nor sudo to install them: apt-get install $*" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "Installing: $*"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
  "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 && return
  # Stale or no package lists: fetch them and let apt-get say what else is wrong.
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}

packages=$build_packages
case ${1:-build} in
  build) ;;
  test) packages+=$test_packages ;;
  paper) packages=$paper_packages ;;
  all) packages+=$test_packages$paper_packages$check_packages ;;
  *) echo "usage: scripts/deps.sh [build|test|paper|all]" >&2; exit 2 ;;
esac

lacking=$(missing <<<"$packages")
[[ $lacking ]] || exit 0
if has_command apt-get; then
  read -ra names <<<"$(column 2 <<<"$lacking")"
  install_with_apt "${names[@]}"
  lacking=$(missing <<<"$packages")
  [[ $lacking ]] || exit 0
  echo "Still missing after the installation:" >&2
  echo "$lacking" >&2
  exit 1
fi
{
  echo "Taut needs packages that are not installed. Install them with one of"
  echo "  sudo dnf install $(column 3 <<<"$lacking")"
  echo "  brew install $(column 4 <<<"$lacking")"
} >&2
exit 1
