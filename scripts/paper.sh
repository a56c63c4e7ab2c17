#!/usr/bin/env bash
# scripts/paper.sh BUILD OUT [DOCS] [-- options of the programs]
# Runs the four programs of examples/paper into the folder OUT and puts their sections together in OUT/README.md; with DOCS
# that document and its figures are copied there. A program that was stopped goes on with `-- --resume`.
set -euo pipefail

build=$1
out=$2
shift 2
docs=
if [[ ${1:-} && $1 != -- ]]; then
  docs=$1
  shift
fi
[[ ${1:-} == -- ]] && shift

programs=(ideal_scenario synthetic_mlps mnist_cnns alexnet)
mkdir -p "$out"
for program in "${programs[@]}"; do
  "$build/examples/paper/$program" --out "$out" "$@"
  echo
done

{
  cat <<'EOF'
# The tables and figures of the paper, reproduced

Kevin Scaman and Aladin Virmaux, *Lipschitz regularity of deep neural networks: analysis and efficient estimation*
[ScamanVirmaux2018]. This page is made by `make paper`: values of Taut beside the published ones. Networks are trained anew
(or drawn), so single values differ from the paper's; the order of the columns, their growth with depth and the gain of SeqLip
are what has to come out again. The numbers are in the CSV and JSON files that each program leaves in its output folder.

EOF
  for program in "${programs[@]}"; do
    cat "$out/$program.md"
    echo
  done
} | cat -s >"$out/README.md"
echo "$out/README.md"

if [[ $docs ]]; then
  mkdir -p "$docs"
  cp "$out/README.md" "$docs/"
  # The figures that the document shows.
  while IFS= read -r figure; do
    cp "$out/$figure" "$docs/"
  done < <(sed -nE 's/^!\[.*\]\((.*)\)$/\1/p' "$out/README.md")
  echo "$docs/README.md"
fi
