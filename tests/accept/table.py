"""Rows of an acceptance table and the running of their programs."""
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))


class Failed(Exception):
    """A program of a row went wrong."""


class Table:
    """Collects (proof, required, measured, state); state is OK, RED, SLOW or SKIPPED."""

    def __init__(self):
        self.rows = []
        self.seconds = {}

    def add(self, proof, required, measured, good, speed=False):
        state = "OK" if good else "SLOW" if speed else "RED"
        self.rows.append((proof, required, measured, state))
        print(f"  {state:4} {proof}: {measured}", flush=True)

    def skip(self, proof, why):
        self.rows.append((proof, "", f"skipped: {why}", "SKIPPED"))
        print(f"  SKIP {proof}: {why}", flush=True)

    def run(self, name, function, acceptance):
        print(f"{name}: {function.__doc__.splitlines()[0]}", flush=True)
        begin = time.monotonic()
        try:
            function(acceptance, self)
        except (Failed, SystemExit, OSError, subprocess.TimeoutExpired, KeyError, ValueError) as error:
            self.add(name, "runs to its end", str(error).strip().splitlines()[-1][:300], False)
        self.seconds[name] = time.monotonic() - begin

    def count(self, state):
        return sum(row[3] == state for row in self.rows)

    def markdown(self):
        lines = ["| proof | required | measured | |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in self.rows]
        times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        lines += ["", f"{self.count('OK')} OK, {self.count('RED')} RED, {self.count('SLOW')} too slow, "
                  f"{self.count('SKIPPED')} skipped. Time: {times}."]
        return "\n".join(lines)

    def exit_code(self):
        """1: something is wrong; 2: everything is right and something too slow; else 0."""
        return 1 if self.count("RED") else 2 if self.count("SLOW") else 0


def call(*command, timeout=3600, stdin=None, may_fail=False, env=None):
    """The finished program's stdout and stderr together; an error when it fails."""
    done = subprocess.run([str(part) for part in command], input=stdin, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, cwd=ROOT,
                          env=env)
    if done.returncode != 0 and not may_fail:
        tail = " / ".join(done.stdout.strip().splitlines()[-4:])
        raise Failed(f"{pathlib.Path(str(command[0])).name}: exit {done.returncode}: {tail}")
    return done.stdout


def find(pattern, text):
    """First group of `pattern` in `text`."""
    match = re.search(pattern, text)
    if not match:
        raise Failed(f"no '{pattern}' in the output: {text.strip()[-200:]}")
    return match[1]


def main_of(usage, rows, acceptance, arguments):
    """Runs the rows named in `arguments` behind the folder of binaries, or all; the exit code."""
    if "--list" in arguments:
        print("\n".join(f"{name:12} {row.__doc__.splitlines()[0]}" for name, row in rows.items()))
        return 0
    quick = "--quick" in arguments
    words = [word for word in arguments if word != "--quick"]
    unknown = [name for name in words[1:] if name not in rows]
    if not words or unknown:
        print(f"error[usage]: {usage.splitlines()[2]}; rows: {' '.join(rows)}", file=sys.stderr)
        return 64
    state, table = acceptance(words[0], quick), Table()
    for name in words[1:] or rows:
        table.run(name, rows[name], state)
    print("\n" + table.markdown())
    return table.exit_code()
