"""What the end-to-end tests share: running the tools, a temporary folder, checks that count."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests/data/models"
MODEL = ROOT / "examples/01-four-people/model"
SHARED = pathlib.Path(os.environ.get("INGOT_SHARED", ROOT.parent / "shared"))


class Harness:
    """Runs `ingotc` and `ingot` from a folder of binaries and collects failures."""

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.folder = tempfile.TemporaryDirectory(prefix="ingot-e2e-")
        self.dir = pathlib.Path(self.folder.name)
        self.checks = 0
        self.failures = []

    def tool(self, name, *arguments, timeout=300):
        """The finished process; a crash (negative code) is a failure at once."""
        done = subprocess.run([str(self.bin / name), *map(str, arguments)], capture_output=True,
                              text=True, timeout=timeout, errors="replace")
        if done.returncode < 0:
            self.failures.append(f"{name} {arguments}: killed by signal {-done.returncode}")
        return done

    def compile(self, model, name, *flags):
        """Compiles `model` for the levels this machine may run; returns the artifact's path."""
        path = self.dir / name
        done = self.tool("ingotc", model, "-o", path, "--target",
                         "cpu:x86-64-v3,cpu:x86-64-v4-vnni", *flags)
        if done.returncode != 0:
            raise SystemExit(f"ingotc {model} {flags}: exit {done.returncode}\n{done.stderr}")
        return path

    def json(self, name, *arguments):
        done = self.tool(name, *arguments)
        if done.returncode != 0:
            raise SystemExit(f"{name} {arguments}: exit {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    def levels(self):
        """Instruction-set levels this machine runs, of those that compile() makes."""
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
        return ["x86-64-v3"] + (["x86-64-v4-vnni"] if "avx512_vnni" in flags else [])

    def check(self, good, what):
        self.checks += 1
        if not good:
            self.failures.append(what)

    def finish(self):
        for failure in self.failures:
            print("FAILED:", failure)
        print(f"{self.checks} checks, {len(self.failures)} failed")
        sys.exit(1 if self.failures else 0)


def token_file(path, documents):
    """Writes lists of token ids as the JSON list that `ingot eval --json-list` reads."""
    path.write_text(json.dumps(documents))
    return path
