"""Samples continuations and chat answers from an exported model directory, with the training code's own forward pass.

    python sample.py ../model
"""

import argparse
import json
import os

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from llama import Config, Llama

STOP = {0, 3}   # <|endoftext|>, <|end|>
OPENINGS = [
    "Once upon a time, there was a little fox named", "Once there was a shy owl named", "One day, a brave mouse",
    "Long ago, a curious girl named Clara lived", "There once was a lazy cat called", "This is the story of a young otter named Moss.",
    "Once upon a time, there was a clever boy named Tom. He had a red kite.", "Rusty had an old map.", "The bear lived in the forest.",
    "Once there was a kind goat named Ivy. Ivy was afraid of",
]
REQUESTS = [
    "Tell me a story about a fox and a lantern.", "Write a short story about a penguin and a drum.", "Tell me a story about a girl named Nora and a boat.",
    "Can you tell me a story about a hedgehog in the castle?", "Tell me a story about an owl and a mouse.", "I want a story about a kite.",
    "Tell me a story.", "What is a lantern?", "Write a poem about a bear.", "Hello!",
]
TALKS = [   # the answer to the first question is sampled and stays in the conversation
    ["Tell me a story about a fox and a lantern.", "What was the fox called?"],
    ["Tell me a story about a rabbit and a key.", "What is a key?"],
    ["Hi!", "What is the opposite of hot?"],
    ["What is four plus three?", "What does an owl eat?"],
]


def load_model(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        fields = json.load(f)
    model = Llama(Config(**{k: fields[k] for k in Config.__dataclass_fields__}))
    weights = load_file(os.path.join(folder, "model.safetensors"))
    model.load_state_dict({name.removeprefix("model."): w.float() for name, w in weights.items()})
    return model.eval(), Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))


def chat_prompt(messages):
    """User and assistant messages in turn, up to where the next answer begins."""
    roles = ("<|user|>", "<|assistant|>")
    turns = "".join(f"{roles[i % 2]}\n{m}<|end|>\n" for i, m in enumerate(messages))
    return f"<|endoftext|>{turns}<|assistant|>\n"


@torch.no_grad()
def continue_text(model, tokenizer, prompt, generator, temperature=0.8, top_p=0.95, limit=350):
    ids = tokenizer.encode(prompt).ids
    start, new, cache = len(ids), ids, [[] for _ in model.layers]
    while len(ids) - start < limit and len(ids) < model.c.max_position_embeddings:
        probability = torch.softmax(model(torch.tensor([new]), cache)[0, -1] / temperature, dim=-1)
        sorted_p, index = probability.sort(descending=True)
        sorted_p[sorted_p.cumsum(0) - sorted_p > top_p] = 0
        token = index[torch.multinomial(sorted_p, 1, generator=generator)].item()
        if token in STOP:
            break
        new = [token]
        ids += new
    return tokenizer.decode(ids[start:])


def quote(text):
    return "\n".join("> " + line if line else ">" for line in text.split("\n"))


def print_samples(model, tokenizer, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for i, opening in enumerate(OPENINGS, 1):
        text = continue_text(model, tokenizer, "<|endoftext|>" + opening, generator)
        print(f"{i}. Opening: *{opening}*\n\n{quote('…' + text)}\n")
    for i, request in enumerate(REQUESTS, len(OPENINGS) + 1):
        text = continue_text(model, tokenizer, chat_prompt([request]), generator)
        print(f"{i}. Request: *{request}*\n\n{quote(text)}\n")


def print_talks(model, tokenizer, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for questions in TALKS:
        messages = []
        for question in questions:
            messages.append(question)
            messages.append(continue_text(model, tokenizer, chat_prompt(messages), generator))
            print(f"**{question}**\n\n{quote(messages[-1])}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_model(args.folder)
    print_samples(model, tokenizer, args.seed)
    print("Conversations:\n")
    print_talks(model, tokenizer, args.seed)


if __name__ == "__main__":
    main()
