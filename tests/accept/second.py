#!/usr/bin/env python3
"""The proofs of the second milestone, one function per group of rows: CUDA without a GPU.

usage: second.py BIN_DIR [--quick] [ROW...]     --quick: smaller counts, no sanitizer builds
       second.py --list
Exit code 0: all good; 1: a proof failed; 2: only speed is missing.
"""
import json
import pathlib
import sys

from table import ROOT, call, main_of
import harness

TESTS = ROOT / "tests"


class Acceptance:
    def __init__(self, bin_dir, quick):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.quick = quick
        self.test = harness.Harness(self.bin)
        self.mock = next(self.bin.parent.glob("tests/cuda/mock/*mock_cuda.so"))

    def program(self, name):
        return self.bin / name


def catch(table, acceptance, program, what, *filters):
    """A Catch2 program as a row."""
    out = call(acceptance.program(program), *filters, may_fail=True)
    table.add(what, "passes", out.strip().splitlines()[-1], "All tests passed" in out)


def tester(acceptance, table):
    """Host execution: matrix units, layouts, planted mistakes of every class."""
    catch(table, acceptance, "cuda_host_test", "arithmetic of the matrix units, fragments, planted mistakes")


def kernels(acceptance, table):
    """Every kernel against the reference, tolerance 0, three orders of threads."""
    catch(table, acceptance, "cuda_matmul_test", "matmul kernels against the reference")
    catch(table, acceptance, "cuda_rows_test", "attention, row-wise and sampling kernels against the reference")
    catch(table, acceptance, "cuda_compile_test", "NVRTC, kernel cache")


def models(acceptance, table):
    """Whole models through the CUDA device on the host."""
    every = [] if acceptance.quick else ["every"]
    out = call(sys.executable, TESTS / "e2e/cuda_host.py", acceptance.bin, acceptance.mock, *every,
               may_fail=True, timeout=7200)
    lines = out.strip().splitlines()
    for line in lines[:-1]:
        if "CPU against CUDA" in line or "preemptions" in line:
            table.add("models on the host", "limits of the test", line, "FAILED" not in line)
    table.add("models: reference, chunks, neighbours, orders, preemption, CPU", "0 failed", lines[-1],
              " 0 failed" in lines[-1])


def cubins(acceptance, table):
    """Cubins of the example for six architectures: equal builds, budget."""
    out = call(sys.executable, TESTS / "e2e/cuda_build.py", acceptance.bin, may_fail=True, timeout=7200)
    line = out.strip().splitlines()[-1]
    if line.startswith("skipped"):
        return table.skip("cubins", line)
    table.add("cubins for six architectures and PTX, budget, equal builds", "0 failed", line, " 0 failed" in line)


def device(acceptance, table):
    """Device cuda on the mock driver: conformance, graphs, faults."""
    for program in sorted(acceptance.bin.glob("ingot-cts*")):
        catch(table, acceptance, program.name, f"conformance, graphs, faults ({program.name})")


def host(acceptance, table):
    """What the host does for a step of 64 sequences: plan, tables, graph parameters, ids, text."""
    times = json.loads(call(acceptance.program("ingot-host-step"), 300, "--json"))
    for output, time in times.items():
        table.add(f"host work per step, 64 sequences, {output}, the driver's own time left out", "100 us",
                  f"{time['median_us']:.1f} us (99 of 100 steps: {time['p99_us']:.1f} us)", time["median_us"] <= 100,
                  speed=True)


def size(acceptance, table):
    """The runtime stays small and needs no toolkit."""
    stripped = acceptance.test.dir / "ingot"
    call("strip", "-o", stripped, acceptance.program("ingot"))
    bytes_ = stripped.stat().st_size
    table.add("ingot, stripped", "3.00 MB", f"{bytes_ / 1e6:.2f} MB", bytes_ <= 3_000_000)
    needed = call("readelf", "-d", stripped)
    table.add("ingot links no CUDA library", "none", "none" if "cuda" not in needed.lower() else "cuda",
              "cuda" not in needed.lower())


def gpu(acceptance, table):
    """A real GPU, when there is one."""
    if not any(pathlib.Path(place).exists() for place in ("/dev/nvidia0", "/proc/driver/nvidia")):
        return table.skip("the bars of the H200", "no GPU on this machine; no figure of speed was taken")
    table.add("the bars of the H200", "tests/gpu/run", "a GPU is here: run tests/gpu/run", False)


ROWS = {function.__name__: function for function in (tester, kernels, models, cubins, device, host, size, gpu)}

if __name__ == "__main__":
    sys.exit(main_of(__doc__, ROWS, Acceptance, sys.argv[1:]))
