"""Trained models of the shared data: greedy tokens and perplexities against their tables."""
import json
import math
import subprocess

import harness

MODELS = ("stories260K", "tiny-qwen3-490K")
STORIES = "data/text/tinystories_train_1000.json"
FIRST, COUNT = 950, 50
# A token that is not the expected one is within the margin when the model's own log-probabilities
# of the two differ by less; the rounding of bfloat16 moves logits by hundredths.
MARGIN = 0.1
ADDITIONS = [  # what is added to int4 group 32 linear layers with float activations
    ("int4:32, int8 activations", ["--head-quant", "bf16"]),
    ("int4:32, int8 activations with float scales", ["--head-quant", "bf16", "--activation-scale", "f32"]),
    ("the first and int8 head and embeddings", ["--head-quant", "int8"]),
    ("the first and int4 head and embeddings", ["--head-quant", "int4"])]


def present(name):
    return (harness.SHARED / "data/models" / name / "expected.json").exists()


class SharedModel:
    def __init__(self, test, name):
        self.test = test
        self.folder = harness.SHARED / "data/models" / name
        self.expected = json.loads((self.folder / "expected.json").read_text())
        self.config = json.loads((self.folder / "config.json").read_text())
        self.artifact = test.compile(self.folder, f"{name}.ingot", "--quant", "bf16")

    def table(self, beginning):
        """The table's perplexity of the stories with weights described as `beginning`..."""
        return next(row["perplexity"] for row in self.expected["perplexity"]
                    if row["weights"].startswith(beginning) and "train_1000" in row["text"])

    def greedy(self):
        """(equal, all, near, wrong) tokens, each judged after the expected ones before it."""
        equal = total = near = wrong = 0
        for case in self.expected["greedy"]:
            prompt, output = case["prompt_ids"], case["output_ids"]
            done = 0
            while done < len(output):
                tops = replay(self.test, self.artifact, prompt + output[:done], len(output) - done)
                while done < len(output) and tops and tops[0][0][0] == output[done]:
                    tops.pop(0)
                    done, equal = done + 1, equal + 1
                if done < len(output):
                    scores = dict(map(tuple, tops[0]))
                    gap = tops[0][0][1] - scores.get(output[done], -math.inf)
                    near, wrong = near + (gap < MARGIN), wrong + (gap >= MARGIN)
                    done += 1
            total += len(output)
        return equal, total, near, wrong

    def evaluate(self, artifact):
        result = self.test.json("ingot", "eval", artifact, "-f", harness.SHARED / STORIES, "--json-list",
                                "--trim", "--first", FIRST, "--count", COUNT, "--json")
        return result["perplexity"]

    def compiled(self, quant):
        """(perplexity, table, percent apart) of compiled code; int8 as the table has it."""
        artifact, expected = self.artifact, self.table("weights rounded to bfloat16")
        if quant == "int8":
            artifact = self.test.compile(self.folder, "int8.ingot", "--quant", "int8", "--group", "0",
                                         "--head-quant", "bf16")
            expected = self.table("int8 symmetric per output row")
        perplexity = self.evaluate(artifact)
        return perplexity, expected, 100 * (perplexity / expected - 1)

    def windows(self):
        """The stories as lists of ids, cut as the table's rule says."""
        stories = json.loads((harness.SHARED / STORIES).read_text())[FIRST:FIRST + COUNT]
        prompts = [word for story in stories for word in ("-p", story.strip())]
        lines = self.test.tool("ingot", "tokenize", self.artifact, "--json", *prompts).stdout
        context, windows = self.config["max_position_embeddings"], []
        for line in lines.splitlines():
            begin, *ids = json.loads(line)["ids"]
            windows += [[begin] + ids[i:i + context - 1] for i in range(0, len(ids), context - 1)]
        return windows

    def int4(self):
        """(perplexity, table, percent apart) of int4 weights with float activations. Where 32 does
        not divide a row, the table takes one scale for the row."""
        tail = ""
        if self.config["intermediate_size"] % 32:
            tail = " overrides=*.down_proj.weight=int4:channel"
        pipeline = "ingot-quantize-weights{linear=int4:32 head=bf16 embedding=bf16" + tail + "}"
        perplexity = reference_perplexity(self.test, self.folder, pipeline, json.dumps(self.windows()))
        expected = self.table("int4 symmetric")
        return perplexity, expected, 100 * (perplexity / expected - 1)

    def additions(self, quick):
        """(what, perplexity) step by step from int4 with tail groups, as Ingot stores it."""
        pipeline = "ingot-quantize-weights{linear=int4:32 head=bf16 embedding=bf16}"
        yield ("int4:32 with tail groups, float activations",
               reference_perplexity(self.test, self.folder, pipeline, json.dumps(self.windows())))
        for what, flags in ADDITIONS[:1] if quick else ADDITIONS:
            artifact = self.test.compile(self.folder, "added.ingot", "--quant", "int4", "--group", "32",
                                         *flags)
            yield what, self.evaluate(artifact)


def replay(test, artifact, prompt, tokens):
    """Greedy steps: [[id, log-probability] of the likeliest tokens] per step."""
    requests = json.dumps([{"prompt": prompt, "max_tokens": tokens, "logprobs": 8}])
    done = subprocess.run([test.bin / "ingot-replay", artifact], input=requests, text=True,
                          capture_output=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"ingot-replay: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)[0]["top"]


def reference_perplexity(test, folder, pipeline, windows):
    done = subprocess.run([test.bin / "ingot-reference-perplexity", folder, pipeline], input=windows,
                          text=True, capture_output=True, timeout=900)
    if done.returncode:
        raise SystemExit(f"ingot-reference-perplexity: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)["perplexity"]
