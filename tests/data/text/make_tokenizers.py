"""Makes the tiny tokenizers of this folder and the ids that the `tokenizers` package gives for them.

    pip install tokenizers
    python make_tokenizers.py            # writes NAME/tokenizer.json, tokenizer_config.json, cases.json

Each is a few hundred tokens and shows another set of rules. NAME/tokenizer.bin, the form that an
artifact stores, is written from them by `TokenizerImportTest "[update]"`.
"""

import json
import pathlib

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
MARK = "\u2581"

CORPUS = [
    "The smith pours the metal, and the metal fills the mould. The mould cools; the ingot is done.",
    "She doesn't hurry: they're slow, we've time, I'm patient, he'll wait, it's fine, you'd see.",
    "In 1850 and 1923 the forge made 12, 345 and 67890 bars.    Four spaces, then more.\n\nA new line.",
    "if (x == 3) { return x * 2; } // code\n\tint y = 10;\n",
    "Die Größe der Öfen wächst. L'été, la fonderie était fermée. Кузнец плавит металл.",
    "the the the and and of of to to in in that that with with for for was was on on are are",
]

TEXTS = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", " \n", "a", " a", "a ", " a ", "  a  b   c",
    "The smith pours the metal.", "the ingot is done", "THE INGOT",
    "She doesn't, they're, WE'VE, I'M, he'll, IT'S, you'd", "'s's 't 'x '\u017ft",
    "1 12 123 1234 12345 123456 \u0663\u0664 \u2167 \u00bd", "x1y22z333",
    "    four\n        eight\r\n\r\n  \n two", "tab\t\ttab \t \n\t end", "trailing   ", "trailing\n\n\n",
    "punct!!! ... (a) [b] {c} <d> --- ??!! \u00bfqu\u00e9?", "if (x == 3) { return x * 2; } // code\n",
    "Gr\u00f6\u00dfe \u00d6fen \u00e9t\u00e9 \u041a\u0443\u0437\u043d\u0435\u0446", "Gro\u0308\u00dfe e\u0301te\u0301 (decomposed)",
    "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22", "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\U0001f680 \U0001f636\u200d\U0001f32b\ufe0f emoji\U0001f999", "nbsp\u00a0here \u2003em\u3000wide \u2028line",
    "zero\u200bwidth \ufeffbom \u0000nul \u0001ctl \u007f", "\ufb01 ligature \u1e9b\u0323 \u212b", "\u2126bc \u03a9b",
    MARK, MARK + MARK + "a", "a" + MARK + "b", "<0x41>", "<unk>",
    "<|end|>", "a<|end|>b", "a <|end|> b", "<|end|><|end|>", "<|end|", "<|user|>hi<|end|>\n<|bot|>",
    "x <strip> y", "x<strip>y", "x \n <strip> \t y", "word a_word wordy word", "(word)", "wordword word",
    "thethethe andand ofof toto", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def byte_level(**changes):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False} | changes


def learn(pre_tokenizer, alphabet, vocab_size):
    """Vocabulary in the order of ids, and merges, of a small BPE over CORPUS."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])], model["merges"]


def added(texts, first_id, **flags):
    base = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": first_id + i, "content": text} | base | flags for i, text in enumerate(texts)]


def template(*ids_and_names):
    """Post-processor that puts the given tokens in front."""
    return {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": n, "type_id": 0}} for _, n in ids_and_names]
            + [{"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for i, n in ids_and_names}}


def file(tokens, merges, added_tokens, normalizer, pre_tokenizer, post_processor, decoder, **model):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": False} | model
    model |= {"vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens,
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
            "post_processor": post_processor, "decoder": decoder, "model": model}


def llama3():
    """Byte-level, digits in threes, ignore_merges with a whole word that no merge reaches, begin token."""
    tokens, merges = learn(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                                    pre_tokenizers.ByteLevel(False, use_regex=False)]),
                           pre_tokenizers.ByteLevel.alphabet(), 340)
    tokens.append("\u0120ingot\u0120never")
    tokens.append("\u0120emoji")
    n = len(tokens)
    specials = added(["<|begin|>", "<|end|>", "<|user|>", "<|bot|>"], n)
    post = {"type": "Sequence", "processors": [byte_level(add_prefix_space=True), template((n, "<|begin|>"))]}
    return file(tokens, merges, specials, None, sequence(split(LLAMA3), byte_level()), post,
                byte_level(), ignore_merges=True)


def qwen2():
    """Byte-level, NFC, single digits; added tokens with every flag."""
    tokens, merges = learn(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                                                    pre_tokenizers.ByteLevel(False, use_regex=False)]),
                           pre_tokenizers.ByteLevel.alphabet(), 320)
    n = len(tokens)
    extra = (added(["<|end|>"], n) + added(["<strip>"], n + 1, lstrip=True, rstrip=True, special=False)
             + added(["word"], n + 2, single_word=True, special=False)
             + added(["\u03a9b"], n + 3, normalized=True, special=False))
    return file(tokens, merges, extra, {"type": "NFC"}, sequence(split(QWEN2), byte_level()),
                byte_level(), byte_level())


def gpt2():
    """Byte-level with the pattern of GPT-2 inside ByteLevel, a space in front, digits apart."""
    tokens, merges = learn(pre_tokenizers.ByteLevel(True), pre_tokenizers.ByteLevel.alphabet(), 320)
    return file(tokens, merges, added(["<|end|>"], len(tokens)), None,
                byte_level(add_prefix_space=True, use_regex=True), None, byte_level())


def space_mark_tokens():
    tokens, merges = learn(pre_tokenizers.Metaspace(), [], 200)
    head = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    return head + tokens, merges


def llama2():
    """Space marks by normalizer, the text is one piece, bytes for unknown characters, normalized specials."""
    tokens, merges = space_mark_tokens()
    specials = added(["<unk>", "<s>", "</s>"], 0, normalized=True)
    more = added(["<|end|>"], len(tokens), rstrip=True)
    normalizer = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": MARK},
        {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]}
    decoder = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return file(tokens, [" ".join(m) for m in merges], specials + more, normalizer, None,
                template((1, "<s>")), decoder, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def metaspace():
    """Space marks by the Metaspace pre-tokenizer, unknown characters fused, no bytes."""
    tokens, merges = learn(pre_tokenizers.Metaspace(), [], 200)
    tokens = ["<unk>", "<s>", "</s>"] + tokens
    scheme = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": True}
    return file(tokens, merges, added(["<unk>", "<s>", "</s>"], 0) + added(["<|end|>"], len(tokens)), None,
                scheme, template((1, "<s>")), scheme, unk_token="<unk>", fuse_unk=True)


def cases(text_json):
    # The package shows normalized special tokens even with skip_special_tokens; Ingot hides all special ones.
    hidden = {t["id"] for t in json.loads(text_json)["added_tokens"] if t["normalized"] and t["special"]}
    tokenizer = Tokenizer.from_str(text_json)
    plain = Tokenizer.from_str(text_json)
    plain.encode_special_tokens = True
    out = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        case = {"text": text, "ids": ids, "with_special": tokenizer.encode(text).ids,
                "unparsed": plain.encode(text, add_special_tokens=False).ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=False)}
        if not hidden & set(ids):
            case["visible"] = tokenizer.decode(ids)
        out.append(case)
    return out


def compact(value):
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def main():
    for make, eos in ((llama3, "<|end|>"), (qwen2, "<|end|>"), (gpt2, "<|end|>"), (llama2, "</s>"),
                      (metaspace, "</s>")):
        folder = HERE / make.__name__
        folder.mkdir(exist_ok=True)
        text = compact(make())
        (folder / "tokenizer.json").write_text(text + "\n")
        (folder / "tokenizer_config.json").write_text(compact({"eos_token": eos}) + "\n")
        lines = ",\n".join(compact(case) for case in cases(text))
        (folder / "cases.json").write_text("[\n" + lines + "\n]\n")
        print(make.__name__, len(text), "bytes")


if __name__ == "__main__":
    main()
