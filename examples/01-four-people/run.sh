#!/usr/bin/env bash
# Compiles the example model and answers four people in one continuous batch.
# Usage: run.sh BIN_DIR [EXTRA ingot run FLAGS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
shift
out=${INGOT_DEMO_DIR:-$(mktemp -d)}
mkdir -p "$out"

step() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

step "ingotc: model -> story.ingot (int8), draft -> draft.ingot (int4)"
"$bin/ingotc" "$here/model" -o "$out/story.ingot" --quant int8
"$bin/ingotc" "$here/draft" -o "$out/draft.ingot" --quant int4

step "ingot run: four people at once"
"$bin/ingot" run "$out/story.ingot" --chat -n 120 --temp 0.6 --top-p 0.95 --seed 7 \
  -p "Tell me a story about a fox and a lantern." \
  -p "Tell me a story about a girl who lost her kite." \
  -p "Hello! Who are you?" \
  -p "Tell me a short story about a baker and a storm." "$@"
step "Artifacts: $out (try: $bin/ingot inspect $out/story.ingot)"
