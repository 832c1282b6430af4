#include "models/import/TokenizerRules.h"

#include "runtime/base/Format.h"

namespace ingot {

namespace {

Status unsupported(const char *id, const std::string &what, std::string_view known) {
  return Status(ErrorClass::Config, id,
                "tokenizer.json: " + what + "; Ingot knows " + std::string(known));
}

/// The components of a Sequence (in its member `list`), of one component, or of null.
std::vector<const Json *> componentsOf(const Json &component, const char *list) {
  std::vector<const Json *> out;
  if (component.is_null())
    return out;
  if (typeOf(component) != "Sequence")
    return {&component};
  for (const Json &part : member(component, list)) {
    const std::vector<const Json *> parts = componentsOf(part, list);
    out.insert(out.end(), parts.begin(), parts.end());
  }
  return out;
}

/// The text of {"String": ...} or {"Regex": ...}, empty for anything else.
std::string patternText(const Json &pattern, const char *kind) {
  const Json &value = member(pattern, kind);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// ---- normalizer --------------------------------------------------------------------------------

constexpr const char *kKnownNormalizers =
    "NFC, NFD, NFKC, NFKD, Prepend, Replace of a string, and Sequence of them";

Status importNormalizerStep(const Json &component, TokenizerData &data) {
  const std::string type = typeOf(component);
  NormalizerStep step;
  if (type == "NFC") {
    step.kind = NormalizerKind::Nfc;
  } else if (type == "NFD") {
    step.kind = NormalizerKind::Nfd;
  } else if (type == "NFKC") {
    step.kind = NormalizerKind::Nfkc;
  } else if (type == "NFKD") {
    step.kind = NormalizerKind::Nfkd;
  } else if (type == "Prepend") {
    step.kind = NormalizerKind::Prepend;
    INGOT_ASSIGN(step.content, textField(component, "prepend", "", "normalizer"));
  } else if (type == "Replace" && !patternText(member(component, "pattern"), "String").empty()) {
    step.kind = NormalizerKind::Replace;
    step.pattern = patternText(member(component, "pattern"), "String");
    INGOT_ASSIGN(step.content, textField(component, "content", "", "normalizer"));
  } else {
    return unsupported("tokenizer-normalizer-unsupported",
                       "the normalizer " + component.dump().substr(0, 200), kKnownNormalizers);
  }
  data.normalizer.push_back(std::move(step));
  return Status::ok();
}

// ---- pre-tokenizer -----------------------------------------------------------------------------

/// Split patterns and the scanner that does the same. Several spellings may mean one rule.
struct KnownPattern {
  const char *name;
  SplitKind kind;
  const char *pattern;
};

constexpr KnownPattern kPatterns[] = {
    {"gpt2", SplitKind::Gpt2,
     R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {"llama3", SplitKind::Llama3,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"qwen2", SplitKind::Qwen2,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"newline", SplitKind::Newline, R"([\r\n])"},
    {"letters", SplitKind::SpaceLetters, R"(\s?\p{L}+)"},
    {"punctuation", SplitKind::SpacePunct, R"(\s?\p{P}+)"},
    {"cjk", SplitKind::CjkRun, "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"},
};

/// Rules that match every character: "what matches" and "what lies between" are then one thing.
bool coversAll(SplitKind kind) {
  return kind == SplitKind::Gpt2 || kind == SplitKind::Llama3 || kind == SplitKind::Qwen2;
}

Status importSplit(const Json &component, TokenizerData &data) {
  const Json &pattern = member(component, "pattern");
  const std::string regex = patternText(pattern, "Regex");
  std::string known;
  for (const KnownPattern &entry : kPatterns) {
    known += std::string(known.empty() ? "" : ", ") + entry.name + " = " + entry.pattern;
    if (regex != entry.pattern)
      continue;
    INGOT_ASSIGN(const std::string behavior,
                 textField(component, "behavior", "", "pre_tokenizer.behavior"));
    INGOT_ASSIGN(const bool invert, boolField(component, "invert", false, "pre_tokenizer"));
    const bool isolated = behavior == "Isolated" && !invert;
    const bool removed = behavior == "Removed" && invert && coversAll(entry.kind);
    if (!isolated && !removed)
      return unsupported("tokenizer-split-unsupported",
                         "the split behavior \"" + behavior + "\"" + (invert ? " inverted" : ""),
                         "Isolated");
    data.preTokenizer.splits.push_back(entry.kind);
    return Status::ok();
  }
  return unsupported("tokenizer-split-unsupported",
                     "the split pattern " + pattern.dump().substr(0, 600) + " is unknown", known);
}

Status importByteLevel(const Json &component, TokenizerData &data) {
  INGOT_ASSIGN(const bool prefix, boolField(component, "add_prefix_space", true, "pre_tokenizer"));
  INGOT_ASSIGN(const bool regex, boolField(component, "use_regex", true, "pre_tokenizer"));
  if (prefix && !data.preTokenizer.splits.empty())
    return unsupported("tokenizer-pretokenizer-unsupported",
                       "add_prefix_space of a ByteLevel after other splits",
                       "it only as the first");
  data.preTokenizer.addPrefixSpace = prefix;
  if (regex)
    data.preTokenizer.splits.push_back(SplitKind::Gpt2);
  return Status::ok();
}

/// The newer spelling has prepend_scheme and split, the older add_prefix_space.
Status importMetaspace(const Json &component, TokenizerData &data) {
  PreTokenizer &pre = data.preTokenizer;
  INGOT_ASSIGN(const std::string mark, textField(component, "replacement", "", "pre_tokenizer"));
  INGOT_ASSIGN(const bool legacy, boolField(component, "add_prefix_space", true, "pre_tokenizer"));
  INGOT_ASSIGN(const std::string scheme, textField(component, "prepend_scheme",
                                                   legacy ? "always" : "never", "pre_tokenizer"));
  INGOT_ASSIGN(const bool split, boolField(component, "split", true, "pre_tokenizer"));
  if (mark != kSpaceMark || !pre.splits.empty() ||
      (scheme != "always" && scheme != "first" && scheme != "never"))
    return unsupported("tokenizer-pretokenizer-unsupported",
                       "the pre-tokenizer " + component.dump().substr(0, 200),
                       "Metaspace first, with U+2581 and the schemes always, first, never");
  pre.metaspace = true;
  pre.prepend = scheme == "always"  ? MarkPrepend::Always
                : scheme == "first" ? MarkPrepend::First
                                    : MarkPrepend::Never;
  if (split)
    pre.splits.push_back(SplitKind::SpaceMark);
  return Status::ok();
}

Status importPreTokenizerPart(const Json &component, TokenizerData &data) {
  const std::string type = typeOf(component);
  if (type == "Split")
    return importSplit(component, data);
  if (type == "ByteLevel")
    return importByteLevel(component, data);
  if (type == "Metaspace")
    return importMetaspace(component, data);
  if (type == "Digits") {
    INGOT_ASSIGN(const bool individual,
                 boolField(component, "individual_digits", false, "pre_tokenizer"));
    data.preTokenizer.splits.push_back(individual ? SplitKind::Digit : SplitKind::DigitRun);
    return Status::ok();
  }
  return unsupported("tokenizer-pretokenizer-unsupported",
                     "the pre-tokenizer " + component.dump().substr(0, 200),
                     "Split, ByteLevel, Digits, Metaspace, and Sequence of them");
}

// ---- decoder -----------------------------------------------------------------------------------

constexpr const char *kKnownDecoders = "ByteLevel; Metaspace; Replace of U+2581 by a space, "
                                       "ByteFallback, Fuse and Strip in this order";

Status importDecoderStep(const Json &component, TokenizerData &data, DecoderTraits &traits) {
  const std::string type = typeOf(component);
  const std::string content =
      member(component, "content").is_string() ? component["content"].get<std::string>() : "";
  if (type == "ByteLevel") {
    traits.byteLevel = true;
  } else if (type == "ByteFallback") {
    traits.byteFallback = true;
  } else if (type == "Replace" && content == " " &&
             patternText(member(component, "pattern"), "String") == kSpaceMark) {
    traits.spaceMarks = true;
  } else if (type == "Metaspace") {
    INGOT_ASSIGN(const std::string mark, textField(component, "replacement", "", "decoder"));
    INGOT_ASSIGN(const bool legacy, boolField(component, "add_prefix_space", true, "decoder"));
    INGOT_ASSIGN(const std::string scheme,
                 textField(component, "prepend_scheme", legacy ? "always" : "never", "decoder"));
    if (mark != kSpaceMark)
      return unsupported("tokenizer-decoder-unsupported", "the space mark \"" + mark + "\"",
                         "U+2581");
    traits.spaceMarks = true;
    if (scheme != "never")
      data.leadingSpace = LeadingSpace::DropFirstMark;
  } else if (type == "Strip" && content == " " && member(component, "start") == Json(1u) &&
             member(component, "stop") == Json(0u)) {
    data.leadingSpace = LeadingSpace::StripOne;
  } else if (type != "Fuse") {
    return unsupported("tokenizer-decoder-unsupported",
                       "the decoder " + component.dump().substr(0, 200), kKnownDecoders);
  }
  return Status::ok();
}

// ---- post-processor ----------------------------------------------------------------------------

Status importTemplateItem(const Json &item, const Json &specials, bool &afterText,
                          TokenizerData &data) {
  if (!member(item, "Sequence").is_null()) {
    if (afterText || member(item["Sequence"], "id") != Json("A"))
      return malformedField("tokenizer.json: post_processor.single", "one sequence A with tokens");
    afterText = true;
    return Status::ok();
  }
  const Json &name = member(member(item, "SpecialToken"), "id");
  if (!name.is_string())
    return malformedField("tokenizer.json: post_processor.single[]",
                          "a Sequence or a SpecialToken");
  const Json &ids = member(member(specials, name.get<std::string>().c_str()), "ids");
  if (!ids.is_array() || ids.empty())
    return malformedField("tokenizer.json: post_processor.special_tokens",
                          "a table with the ids of " + name.dump());
  for (const Json &value : ids) {
    INGOT_ASSIGN(const uint32_t id, tokenId(value, "tokenizer.json: post_processor ids"));
    (afterText ? data.suffixIds : data.prefixIds).push_back(id);
  }
  return Status::ok();
}

Status importTemplate(const Json &component, TokenizerData &data) {
  bool afterText = false;
  for (const Json &item : member(component, "single"))
    INGOT_TRY(importTemplateItem(item, member(component, "special_tokens"), afterText, data));
  if (!afterText)
    return malformedField("tokenizer.json: post_processor.single",
                          "a template with the sequence A");
  return Status::ok();
}

} // namespace

Status importNormalizer(const Json &normalizer, TokenizerData &data) {
  for (const Json *component : componentsOf(normalizer, "normalizers"))
    INGOT_TRY(importNormalizerStep(*component, data));
  return Status::ok();
}

Status importPreTokenizer(const Json &preTokenizer, TokenizerData &data, bool &byteLevel) {
  for (const Json *component : componentsOf(preTokenizer, "pretokenizers")) {
    if (byteLevel)
      return unsupported("tokenizer-pretokenizer-unsupported",
                         "the component " + typeOf(*component) + " after ByteLevel",
                         "ByteLevel only as the last");
    INGOT_TRY(importPreTokenizerPart(*component, data));
    byteLevel = typeOf(*component) == "ByteLevel";
  }
  return Status::ok();
}

Status importDecoder(const Json &decoder, TokenizerData &data, DecoderTraits &traits) {
  if (decoder.is_null())
    return unsupported("tokenizer-decoder-unsupported", "there is no decoder", kKnownDecoders);
  for (const Json *component : componentsOf(decoder, "decoders"))
    INGOT_TRY(importDecoderStep(*component, data, traits));
  if (traits.byteLevel && (traits.byteFallback || traits.spaceMarks))
    return unsupported("tokenizer-decoder-unsupported", "ByteLevel mixed with space marks",
                       kKnownDecoders);
  return Status::ok();
}

Status importPostProcessor(const Json &postProcessor, TokenizerData &data, bool &hasTemplate) {
  for (const Json *component : componentsOf(postProcessor, "processors")) {
    const std::string type = typeOf(*component);
    if (type == "TemplateProcessing") {
      if (hasTemplate)
        return malformedField("tokenizer.json: post_processor", "a list with one template");
      hasTemplate = true;
      INGOT_TRY(importTemplate(*component, data));
    } else if (type != "ByteLevel") { // ByteLevel only changes offsets
      return unsupported("tokenizer-postprocessor-unsupported",
                         "the post-processor " + component->dump().substr(0, 200),
                         "ByteLevel, TemplateProcessing, and Sequence of them");
    }
  }
  return Status::ok();
}

} // namespace ingot
