#include "runtime/text/TokenizerFormat.h"

#include "runtime/base/Format.h"
#include "tokenizer_generated.h"

#include <cassert>

namespace ingot {

namespace {

constexpr uint32_t kFormat = 1;

uint8_t packFlags(const AddedToken &token) {
  return static_cast<uint8_t>((token.special ? 1 : 0) | (token.normalized ? 2 : 0) |
                              (token.lstrip ? 4 : 0) | (token.rstrip ? 8 : 0) |
                              (token.singleWord ? 16 : 0));
}

AddedToken unpackAdded(uint32_t id, uint8_t flags) {
  return {.id = id,
          .special = (flags & 1) != 0,
          .normalized = (flags & 2) != 0,
          .lstrip = (flags & 4) != 0,
          .rstrip = (flags & 8) != 0,
          .singleWord = (flags & 16) != 0};
}

int32_t packId(std::optional<uint32_t> id) { return id ? static_cast<int32_t>(*id) : -1; }

std::optional<uint32_t> unpackId(int32_t id) {
  return id < 0 ? std::nullopt : std::optional<uint32_t>(static_cast<uint32_t>(id));
}

Status corrupt(const std::string &why) {
  return Status(ErrorClass::Data, "tokenizer-corrupt",
                "the tokenizer segment is damaged: " + why + "; compile the artifact again");
}

std::string toString(const flatbuffers::String *text) { return text ? text->str() : std::string(); }

std::vector<uint32_t> toIds(const flatbuffers::Vector<uint32_t> *ids) {
  return ids ? std::vector<uint32_t>(ids->begin(), ids->end()) : std::vector<uint32_t>();
}

/// Vocabulary: lengths become ends, checked against the bytes that are there.
Status readTokens(const fb::TokenizerSegment &segment, TokenizerData &data) {
  const auto *bytes = segment.token_bytes();
  const auto *lengths = segment.token_lengths();
  const auto *kinds = segment.token_kinds();
  if (lengths->size() != kinds->size())
    return corrupt(format("%u token lengths but %u token kinds", lengths->size(), kinds->size()));
  uint64_t end = 0;
  data.tokenEnds.reserve(lengths->size());
  data.tokenKinds.reserve(lengths->size());
  for (uint32_t id = 0; id < lengths->size(); ++id) {
    end += lengths->Get(id);
    if (end > bytes->size())
      return corrupt(format("token %u ends at byte %llu of %u", id,
                            static_cast<unsigned long long>(end), bytes->size()));
    data.tokenEnds.push_back(static_cast<uint32_t>(end));
    data.tokenKinds.push_back(static_cast<TokenKind>(kinds->Get(id)));
  }
  if (end != bytes->size())
    return corrupt(format("tokens end at byte %llu of %u", static_cast<unsigned long long>(end),
                          bytes->size()));
  data.tokenBytes.assign(reinterpret_cast<const char *>(bytes->data()), bytes->size());
  return Status::ok();
}

Status readMerges(const fb::TokenizerSegment &segment, TokenizerData &data) {
  const auto *merges = segment.merges();
  if (!merges)
    return Status::ok();
  if (merges->size() % 3 != 0)
    return corrupt(format("%u numbers are no list of merges of three", merges->size()));
  data.merges.reserve(merges->size() / 3);
  for (uint32_t i = 0; i < merges->size(); i += 3)
    data.merges.push_back({merges->Get(i), merges->Get(i + 1), merges->Get(i + 2)});
  return Status::ok();
}

Status readAdded(const fb::TokenizerSegment &segment, TokenizerData &data) {
  const auto *ids = segment.added_ids();
  const auto *flags = segment.added_flags();
  const uint32_t count = ids ? ids->size() : 0;
  if (count != (flags ? flags->size() : 0))
    return corrupt(format("%u added tokens but %u flags", count, flags ? flags->size() : 0));
  for (uint32_t i = 0; i < count; ++i)
    data.added.push_back(unpackAdded(ids->Get(i), flags->Get(i)));
  return Status::ok();
}

void readRules(const fb::TokenizerSegment &segment, TokenizerData &data) {
  data.family = static_cast<TokenizerFamily>(segment.family());
  if (const auto *steps = segment.normalizer())
    for (const auto *step : *steps)
      data.normalizer.push_back({static_cast<NormalizerKind>(step->kind()),
                                 toString(step->pattern()), toString(step->content())});
  if (const auto *splits = segment.splits())
    for (const uint8_t split : *splits)
      data.preTokenizer.splits.push_back(static_cast<SplitKind>(split));
  data.preTokenizer.addPrefixSpace = segment.add_prefix_space();
  data.preTokenizer.metaspace = segment.metaspace();
  data.preTokenizer.prepend = static_cast<MarkPrepend>(segment.prepend());
  data.ignoreMerges = segment.ignore_merges();
  data.byteFallback = segment.byte_fallback();
  data.fuseUnknown = segment.fuse_unknown();
  data.leadingSpace = static_cast<LeadingSpace>(segment.leading_space());
  data.prefixIds = toIds(segment.prefix_ids());
  data.suffixIds = toIds(segment.suffix_ids());
  data.unknownId = unpackId(segment.unknown_id());
  data.bosId = unpackId(segment.bos_id());
  data.eosId = unpackId(segment.eos_id());
  data.padId = unpackId(segment.pad_id());
}

/// The vectors of the vocabulary, as the schema stores them.
struct PackedVocabulary {
  std::vector<uint16_t> lengths;
  std::vector<uint8_t> kinds;
  std::vector<uint32_t> merges;
  std::vector<uint32_t> addedIds;
  std::vector<uint8_t> addedFlags;
};

PackedVocabulary packVocabulary(const TokenizerData &data) {
  PackedVocabulary packed;
  for (uint32_t id = 0; id < data.vocabSize(); ++id) {
    packed.lengths.push_back(static_cast<uint16_t>(data.token(id).size()));
    packed.kinds.push_back(static_cast<uint8_t>(data.tokenKinds[id]));
  }
  for (const TokenMerge &merge : data.merges)
    packed.merges.insert(packed.merges.end(), {merge.left, merge.right, merge.result});
  for (const AddedToken &token : data.added) {
    packed.addedIds.push_back(token.id);
    packed.addedFlags.push_back(packFlags(token));
  }
  return packed;
}

} // namespace

std::vector<uint8_t> serializeTokenizer(const TokenizerData &data) {
  assert(checkTokenizer(data).isOk() && "only checked tokenizers are stored");
  flatbuffers::FlatBufferBuilder builder(data.tokenBytes.size() + data.merges.size() * 12 + 4096);
  const PackedVocabulary packed = packVocabulary(data);
  std::vector<flatbuffers::Offset<fb::TokenizerNormalizerStep>> steps;
  steps.reserve(data.normalizer.size());
  for (const NormalizerStep &step : data.normalizer)
    steps.push_back(fb::CreateTokenizerNormalizerStep(builder, static_cast<uint8_t>(step.kind),
                                                      builder.CreateString(step.pattern),
                                                      builder.CreateString(step.content)));
  std::vector<uint8_t> splits;
  splits.reserve(data.preTokenizer.splits.size());
  for (const SplitKind split : data.preTokenizer.splits)
    splits.push_back(static_cast<uint8_t>(split));

  const auto tokenBytes = builder.CreateVector(
      reinterpret_cast<const uint8_t *>(data.tokenBytes.data()), data.tokenBytes.size());
  const auto lengths = builder.CreateVector(packed.lengths);
  const auto kinds = builder.CreateVector(packed.kinds);
  const auto merges = builder.CreateVector(packed.merges);
  const auto addedIds = builder.CreateVector(packed.addedIds);
  const auto addedFlags = builder.CreateVector(packed.addedFlags);
  const auto normalizer = builder.CreateVector(steps);
  const auto splitRules = builder.CreateVector(splits);
  const auto prefixIds = builder.CreateVector(data.prefixIds);
  const auto suffixIds = builder.CreateVector(data.suffixIds);
  builder.Finish(fb::CreateTokenizerSegment(
                     builder, kFormat, static_cast<uint8_t>(data.family), tokenBytes, lengths,
                     kinds, merges, addedIds, addedFlags, normalizer, splitRules,
                     data.preTokenizer.addPrefixSpace, data.preTokenizer.metaspace,
                     static_cast<uint8_t>(data.preTokenizer.prepend), data.ignoreMerges,
                     data.byteFallback, data.fuseUnknown, static_cast<uint8_t>(data.leadingSpace),
                     prefixIds, suffixIds, packId(data.unknownId), packId(data.bosId),
                     packId(data.eosId), packId(data.padId)),
                 fb::TokenizerSegmentIdentifier());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

Result<TokenizerData> parseTokenizer(std::span<const uint8_t> blob) {
  // Fields are read in place, so the buffer must begin at a multiple of its largest scalar.
  std::vector<uint64_t> aligned;
  const uint8_t *bytes = blob.data();
  if (reinterpret_cast<uintptr_t>(bytes) % sizeof(uint64_t) != 0) {
    aligned.resize(blob.size() / sizeof(uint64_t) + 1);
    std::memcpy(aligned.data(), bytes, blob.size());
    bytes = reinterpret_cast<const uint8_t *>(aligned.data());
  }
  if (blob.size() < 16 || blob.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return corrupt(format("its size is %zu bytes", blob.size()));
  flatbuffers::Verifier verifier(bytes, blob.size());
  if (!fb::VerifyTokenizerSegmentBuffer(verifier))
    return corrupt(format("its %zu bytes are not a tokenizer", blob.size()));
  const fb::TokenizerSegment &segment = *fb::GetTokenizerSegment(bytes);
  if (segment.format() != kFormat)
    return Status(ErrorClass::Data, "tokenizer-version",
                  format("the tokenizer segment has format %u, this runtime reads %u; use a newer "
                         "runtime",
                         segment.format(), kFormat));
  TokenizerData data;
  INGOT_TRY(readTokens(segment, data));
  INGOT_TRY(readMerges(segment, data));
  INGOT_TRY(readAdded(segment, data));
  readRules(segment, data);
  return data;
}

} // namespace ingot
