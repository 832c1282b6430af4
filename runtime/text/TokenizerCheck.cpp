// The rules that Tokenizer relies on afterwards without asking again.
#include "runtime/base/Format.h"
#include "runtime/text/TokenizerFormat.h"
#include "runtime/text/Utf8.h"

namespace ingot {

namespace {

constexpr uint32_t kMaxTokens = 1u << 22;
constexpr uint32_t kMaxMerges = 1u << 24;
constexpr size_t kMaxTokenBytes = 0xffff; // lengths are stored in 16 bits
constexpr size_t kMaxStepText = 64;
constexpr size_t kMaxSteps = 16;
constexpr size_t kMaxAroundIds = 64;

Status invalid(const std::string &why) {
  return Status(ErrorClass::Data, "tokenizer-invalid", "the tokenizer is inconsistent: " + why);
}

Status checkVocabulary(const TokenizerData &data) {
  const size_t count = data.tokenEnds.size();
  if (count == 0 || count > kMaxTokens || data.tokenKinds.size() != count)
    return invalid(format("%zu tokens and %zu kinds; 1 to %u of each are possible", count,
                          data.tokenKinds.size(), kMaxTokens));
  uint32_t begin = 0;
  for (uint32_t id = 0; id < count; ++id) {
    const uint32_t end = data.tokenEnds[id];
    if (end < begin || end > data.tokenBytes.size() || end - begin > kMaxTokenBytes)
      return invalid(
          format("token %u lies at bytes %u to %u of %zu", id, begin, end, data.tokenBytes.size()));
    const uint32_t size = end - begin;
    const TokenKind kind = data.tokenKinds[id];
    if (kind > TokenKind::Unused)
      return invalid(format("token %u has kind %u", id, static_cast<unsigned>(kind)));
    if ((kind == TokenKind::Byte && size != 1) || (kind == TokenKind::Unused && size != 0) ||
        (kind == TokenKind::Normal && size == 0))
      return invalid(
          format("token %u of kind %u has %u bytes", id, static_cast<unsigned>(kind), size));
    begin = end;
  }
  return Status::ok();
}

Status checkMerges(const TokenizerData &data) {
  if (data.merges.size() > kMaxMerges)
    return invalid(format("%zu merges; at most %u are possible", data.merges.size(), kMaxMerges));
  const auto isNormal = [&](uint32_t id) {
    return id < data.vocabSize() && data.tokenKinds[id] == TokenKind::Normal;
  };
  for (size_t rank = 0; rank < data.merges.size(); ++rank) {
    const TokenMerge &merge = data.merges[rank];
    if (!isNormal(merge.left) || !isNormal(merge.right) || !isNormal(merge.result))
      return invalid(format("merge %zu (%u + %u = %u) names a token that cannot be merged", rank,
                            merge.left, merge.right, merge.result));
    const std::string_view left = data.token(merge.left);
    const std::string_view right = data.token(merge.right);
    const std::string_view result = data.token(merge.result);
    if (result.size() != left.size() + right.size() || !result.starts_with(left) ||
        !result.ends_with(right))
      return invalid(format("the text of token %u is not that of %u and %u (merge %zu)",
                            merge.result, merge.left, merge.right, rank));
  }
  return Status::ok();
}

Status checkAdded(const TokenizerData &data) {
  int64_t previous = -1;
  for (const AddedToken &token : data.added) {
    if (token.id <= previous || token.id >= data.vocabSize())
      return invalid(format("added token %u after %lld in a vocabulary of %u", token.id,
                            static_cast<long long>(previous), data.vocabSize()));
    const std::string_view text = data.token(token.id);
    if (text.empty() || findInvalidUtf8(text) != text.npos)
      return invalid(format("added token %u is empty or not UTF-8", token.id));
    previous = token.id;
  }
  return Status::ok();
}

Status checkNormalizer(const TokenizerData &data) {
  if (data.normalizer.size() > kMaxSteps)
    return invalid(format("%zu normalizer steps; at most %zu", data.normalizer.size(), kMaxSteps));
  const auto isText = [](const std::string &text) {
    return text.size() <= kMaxStepText && findInvalidUtf8(text) == text.npos;
  };
  for (size_t i = 0; i < data.normalizer.size(); ++i) {
    const NormalizerStep &step = data.normalizer[i];
    if (step.kind > NormalizerKind::Replace || !isText(step.pattern) || !isText(step.content) ||
        (step.kind == NormalizerKind::Replace && step.pattern.empty()))
      return invalid(format("normalizer step %zu of kind %u", i, static_cast<unsigned>(step.kind)));
  }
  return Status::ok();
}

Status checkRules(const TokenizerData &data) {
  const PreTokenizer &pre = data.preTokenizer;
  if (data.family > TokenizerFamily::SpaceMark || data.leadingSpace > LeadingSpace::DropFirstMark ||
      pre.prepend > MarkPrepend::Always || pre.splits.size() > kMaxSteps)
    return invalid("a rule has a value out of its range");
  for (const SplitKind split : pre.splits)
    if (split > SplitKind::SpaceMark)
      return invalid(format("split rule %u", static_cast<unsigned>(split)));
  if (data.prefixIds.size() > kMaxAroundIds || data.suffixIds.size() > kMaxAroundIds)
    return invalid(format("%zu ids in front and %zu behind; at most %zu", data.prefixIds.size(),
                          data.suffixIds.size(), kMaxAroundIds));
  const auto inside = [&](uint32_t id) { return id < data.vocabSize(); };
  for (const std::vector<uint32_t> *ids : {&data.prefixIds, &data.suffixIds})
    for (const uint32_t id : *ids)
      if (!inside(id))
        return invalid(format("id %u beside the text, vocabulary of %u", id, data.vocabSize()));
  for (const std::optional<uint32_t> &id : {data.unknownId, data.bosId, data.eosId, data.padId})
    if (id && !inside(*id))
      return invalid(format("special id %u in a vocabulary of %u", *id, data.vocabSize()));
  return Status::ok();
}

} // namespace

Status checkTokenizer(const TokenizerData &data) {
  INGOT_TRY(checkVocabulary(data));
  INGOT_TRY(checkMerges(data));
  INGOT_TRY(checkAdded(data));
  INGOT_TRY(checkNormalizer(data));
  return checkRules(data);
}

} // namespace ingot
