#!/usr/bin/env bash
# Runs every proof of the second milestone (CUDA) and prints a table.
# usage: second.sh BIN_DIR [--quick] [ROW...]        second.sh --list
exec python3 "$(dirname "$0")/second.py" "$@"
