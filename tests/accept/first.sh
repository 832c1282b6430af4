#!/usr/bin/env bash
# Runs every proof of the first milestone and prints a table.
# usage: first.sh BIN_DIR [--quick] [ROW...]        first.sh --list
exec python3 "$(dirname "$0")/first.py" "$@"
