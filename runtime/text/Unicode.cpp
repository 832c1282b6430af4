#include "runtime/text/Unicode.h"

#include "runtime/base/Format.h"
#include "runtime/text/Utf8.h"

#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace ingot {

namespace {

/// Positions are 32-bit, and merging needs some twenty bytes per byte of text.
constexpr size_t kMaxTextBytes = size_t{1} << 26;
/// The largest growth of the Unicode forms is elevenfold; user-given replacements get some room.
constexpr size_t kMaxExpansion = 64;

uint8_t classify(uint32_t codePoint) {
  const auto control = [](uint32_t c) { return (c >= 9 && c <= 13) || c == 0x85; };
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(codePoint))) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    return kCharLetter;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return kCharNumber;
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return kCharSpace;
  case UTF8PROC_CATEGORY_PC:
  case UTF8PROC_CATEGORY_PD:
  case UTF8PROC_CATEGORY_PS:
  case UTF8PROC_CATEGORY_PE:
  case UTF8PROC_CATEGORY_PI:
  case UTF8PROC_CATEGORY_PF:
  case UTF8PROC_CATEGORY_PO:
    return kCharPunct;
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
    return kCharMark;
  case UTF8PROC_CATEGORY_CC:
    return control(codePoint) ? kCharSpace : 0;
  default:
    return 0;
  }
}

bool isAscii(std::string_view text) {
  for (const char c : text)
    if (static_cast<uint8_t>(c) >= 0x80)
      return false;
  return true;
}

utf8proc_option_t formOptions(NormalizerKind kind) {
  int options = UTF8PROC_STABLE;
  options |= kind == NormalizerKind::Nfc || kind == NormalizerKind::Nfkc ? UTF8PROC_COMPOSE
                                                                         : UTF8PROC_DECOMPOSE;
  if (kind == NormalizerKind::Nfkc || kind == NormalizerKind::Nfkd)
    options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

Result<std::string> unicodeForm(std::string text, NormalizerKind kind) {
  if (isAscii(text))
    return text;
  utf8proc_uint8_t *raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t *>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw, formOptions(kind));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void *)> owned(raw, std::free);
  if (size < 0)
    return Status(ErrorClass::Os, "text-too-long",
                  format("Unicode normalization of %zu bytes failed: %s", text.size(),
                         utf8proc_errmsg(size)));
  return std::string(reinterpret_cast<const char *>(raw), static_cast<size_t>(size));
}

/// Every occurrence of `pattern`, left to right; `pattern` is not empty.
std::string replaceAll(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  size_t from = 0;
  for (size_t at = text.find(pattern); at != text.npos; at = text.find(pattern, from)) {
    out.append(text, from, at - from);
    out += content;
    from = at + pattern.size();
  }
  out.append(text, from);
  return out;
}

} // namespace

uint8_t charClass(uint32_t codePoint) {
  static const std::array<uint8_t, 0x800> table = [] {
    std::array<uint8_t, 0x800> classes{};
    for (uint32_t c = 0; c < classes.size(); ++c)
      classes[c] = classify(c);
    return classes;
  }();
  return codePoint < table.size() ? table[codePoint] : classify(codePoint);
}

bool isWordChar(uint32_t codePoint) {
  return (charClass(codePoint) & (kCharLetter | kCharNumber | kCharMark)) != 0 ||
         utf8proc_category(static_cast<utf8proc_int32_t>(codePoint)) == UTF8PROC_CATEGORY_PC;
}

Result<std::string> normalizeText(std::string_view text, const std::vector<NormalizerStep> &steps) {
  if (text.size() > kMaxTextBytes)
    return Status(
        ErrorClass::Data, "text-too-long",
        format("the text has %zu bytes, a tokenizer takes at most %zu at once; give it in "
               "parts",
               text.size(), kMaxTextBytes));
  std::string out(text);
  for (const NormalizerStep &step : steps) {
    if (step.kind == NormalizerKind::Prepend) {
      if (!out.empty())
        out.insert(0, step.content);
    } else if (step.kind == NormalizerKind::Replace) {
      out = replaceAll(out, step.pattern, step.content);
    } else {
      INGOT_ASSIGN(out, unicodeForm(std::move(out), step.kind));
    }
    if (out.size() / kMaxExpansion > text.size() + 1 || out.size() > 4 * kMaxTextBytes)
      return Status(
          ErrorClass::Data, "normalizer-expansion",
          format("the tokenizer's normalizer makes %zu bytes out of %zu; at most %zu times "
                 "as many and %zu in all are possible",
                 out.size(), text.size(), kMaxExpansion, 4 * kMaxTextBytes));
  }
  return out;
}

} // namespace ingot
