"""Calling programs, and the table."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def call(*command, **environment):
    """stdout, stderr and exit code of a program."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, errors="replace",
                          env={**os.environ, **environment}, timeout=590)
    return done.stdout, done.stderr, done.returncode


def demand(*command, **environment):
    out, err, code = call(*command, **environment)
    if code != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {code}\n{err[-2000:]}")
    return out


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, measured, state):
        self.rows.append({"what": what, "measured": measured, "state": state})
        print(f"  {state:4} {what}: {measured}", flush=True)
