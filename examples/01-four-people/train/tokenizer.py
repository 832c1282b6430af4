"""Trains the byte-level BPE tokenizer on a corpus and writes tokenizer.json.

    python tokenizer.py --corpus corpus.jsonl --out tokenizer.json
"""

import argparse
import itertools
import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"]   # ids 0..3
# The split rule of Llama 3: words with their leading space, digits in groups of at most three, punctuation, newlines.
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def documents(path, limit):
    with open(path, encoding="utf-8") as lines:
        for line in itertools.islice(lines, limit):
            text = json.loads(line)
            for special in SPECIALS:
                text = text.replace(special, "\n")
            yield text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--documents", type=int, default=20000)
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    tokenizer.train_from_iterator(documents(args.corpus, args.documents), trainer)
    tokenizer.save(args.out)
    print("vocabulary", tokenizer.get_vocab_size())


if __name__ == "__main__":
    main()
