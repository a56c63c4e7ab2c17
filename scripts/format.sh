#!/usr/bin/env bash
# scripts/format.sh --check | --fix
# Checks or mends the format of every C++ file that git tracks, by .clang-format.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in clang-format-14 clang-format; do
  version=$("$program" --version 2>/dev/null || true)
  [[ $version == *"version 14."* ]] && break
  program=
done
if [[ ! $program ]]; then
  echo "clang-format 14 is needed, because other versions format differently: make deps" >&2
  exit 1
fi

case ${1:-} in
  --check) options=(--dry-run -Werror) ;;
  --fix) options=(-i) ;;
  *) echo "usage: scripts/format.sh --check | --fix" >&2; exit 2 ;;
esac
git ls-files -z --cached --others --exclude-standard '*.h' '*.cpp' '*.inl' | xargs -0 -r "$program" "${options[@]}"
