#!/usr/bin/env python3
"""Known answers: what the reference computed at compile time is what every level and schedule
computes here, to the bit; a changed weight and a changed vector are refused.

known_answers.py BIN_DIR TAMPER_PROGRAM"""
import shutil
import subprocess
import sys

import harness

GOLDEN = harness.GOLDENS / "qwen3"
LAYERS = 2
SCHEDULES = 4  # decode and wide, with logits and greedy
ID = "error[known-answer-wrong]"


def answers_of(test, artifact, *flags):
    """Name and detail of each part that --run adds."""
    seen = test.json("ingot", "verify", artifact, "--run", "--json", *flags)
    return [part for part in seen["parts"] if part["name"].startswith("answer ")]


def check_exact(test, artifact, expected, what):
    for level in test.levels():
        answers = answers_of(test, artifact, "--cpu", level)
        test.check(len(answers) == expected, f"{what}, {level}: {len(answers)} answers")
        for answer in answers:
            test.check("largest error 0," in answer["detail"],
                       f"{what}, {level}, {answer['name']}: {answer['detail']}")


def every_format_is_exact(test):
    artifacts = {}
    for quant in ("bf16", "int8", "int4"):
        artifact = test.compile(GOLDEN, f"{quant}.ingot", "--quant", quant)
        check_exact(test, artifact, 1 + 2 * SCHEDULES, quant)
        artifacts[quant] = artifact
    return artifacts


def inspect_shows_them(test, artifact):
    text = test.tool("ingot", "inspect", artifact).stdout
    for part in ("Known answers (2,", "whole model", "first layer", "tolerance 0"):
        test.check(part in text, f"inspect does not say {part}")
    seen = test.json("ingot", "inspect", artifact, "--json")
    kernels = {launch["kernel"] for schedule in seen["probes"][0]["schedules"]
               for launch in schedule["launches"]}
    test.check(kernels == {kernel["name"] for kernel in seen["kernels"]},
               "the probes of equal layers do not run every kernel of the model")
    answer = seen["probes"][0]["answer"]
    test.check(len(answer["indices"]) == len(answer["logits"]) >= 64, "too few logits")
    test.check(answer["logits"] != seen["known_answers"][0]["logits"],
               "one layer and the whole model answer alike")


def changes_are_refused(test, tamper, artifact, quant):
    """Planted vectors, the final norm, and a byte that counts (a sign) in each layer: smaller
    changes may vanish where activations are rounded, hashes are there for those."""
    changes = {"model": "whole model", "probe": "first layer",
               "weight model.norm.weight 3": "whole model"}
    for layer in range(LAYERS):
        changes[f"weight model.layers.{layer}.mlp.down_proj.weight 61"] = "whole model"
    for change, place in changes.items():
        out = test.dir / "changed.ingot"
        subprocess.run([tamper, *change.split(), artifact, out], check=True)
        whole = test.tool("ingot", "verify", out)
        test.check(whole.returncode == 0, f"{quant}, {change}: hashes were not recomputed")
        done = test.tool("ingot", "verify", out, "--run")
        test.check(done.returncode == 65 and ID in done.stderr and done.stdout == ""
                   and f"known answer, {place}" in done.stderr,
                   f"{quant}, {change}: exit {done.returncode}, {done.stderr.strip()}")
    for path, expected in ((artifact, 0), (out, 65)):
        run = test.tool("ingot", "eval", path, "-f", test.documents, "--json-list", "--no-begin",
                        "--verify-run")
        test.check(run.returncode == expected and (ID in run.stderr) == (expected == 65),
                   f"{quant}, --verify-run: exit {run.returncode}, {run.stderr.strip()}")


def other_programs_have_them(test):
    """Random weights, no fusions, a program as text, a cut that is not to be had, none at all."""
    one_level = ("--target", "cpu:x86-64-v3", "--quant", "int4")
    out = test.dir / "other.ingot"

    def compile_other(model, *flags):
        done = test.tool("ingotc", model, "-o", out, *one_level, *flags)
        test.check(done.returncode == 0, f"ingotc {flags}: {done.stderr}")
        return done.stderr

    compile_other(GOLDEN, "--random-weights", "5", "--dump-ir", test.dir / "ir")
    answers = answers_of(test, out)
    test.check(len(answers) == 1 + 2 * SCHEDULES, f"random weights: {len(answers)} answers")

    program = test.dir / "program.mlir"
    shutil.copy(next((test.dir / "ir").glob("00-import.mlir")), program)
    shutil.copy(GOLDEN / "model.safetensors", test.dir / "model.safetensors")
    compile_other(program, "--no-fusion", "--max-tokens", "4", "--max-context", "64")
    answers = answers_of(test, out)
    test.check(len(answers) == 5, f"a program without fusions: {len(answers)} answers")

    said = compile_other(GOLDEN, "--disable-fusion", "fuse-residual-add")
    answers = answers_of(test, out)
    test.check("no known answer of the first layer" in said and len(answers) == 1,
               f"a program whose layers overlap: {len(answers)} answers, {said}")

    compile_other(GOLDEN, "--no-known-answers")
    done = test.tool("ingot", "verify", out, "--run")
    test.check(done.returncode == 78 and "error[known-answers-absent]" in done.stderr,
               f"without known answers: exit {done.returncode}, {done.stderr.strip()}")


def main():
    test = harness.Harness(sys.argv[1])
    test.documents = harness.token_file(test.dir / "documents.json", [[1, 2, 3]])
    artifacts = every_format_is_exact(test)
    inspect_shows_them(test, artifacts["int4"])
    for quant in ("bf16", "int4"):
        changes_are_refused(test, sys.argv[2], artifacts[quant], quant)
    other_programs_have_them(test)
    test.finish()


if __name__ == "__main__":
    main()
