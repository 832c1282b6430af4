#include "runtime/tools/Documents.h"

#include "runtime/base/Format.h"
#include "runtime/tools/ToolSupport.h"

#include <nlohmann/json.hpp>

namespace ingot::tools {
namespace {

using Ids = std::vector<uint32_t>;

Status malformed(std::string message) {
  return {ErrorClass::Data, "documents-malformed", std::move(message)};
}

/// Numbers with anything else between them.
Result<Ids> parseIds(std::string_view text, size_t document) {
  Ids ids;
  for (size_t i = 0; i < text.size();) {
    if (text[i] < '0' || text[i] > '9') {
      if (text[i] != ' ' && text[i] != ',' && text[i] != '\n' && text[i] != '\t')
        return malformed(
            format("document %zu: byte %zu is not part of a list of token ids", document, i));
      ++i;
      continue;
    }
    uint64_t id = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9' && id < (uint64_t(1) << 32); ++i)
      id = id * 10 + static_cast<uint64_t>(text[i] - '0');
    if (id > ~uint32_t(0))
      return malformed(format("document %zu: token id at byte %zu is above 2^32", document, i));
    ids.push_back(static_cast<uint32_t>(id));
  }
  return ids;
}

std::string_view trimmed(std::string_view text) {
  const char *const kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Result<Ids> encode(std::string_view text, const DocumentFormat &form, const Tokenizer *tokenizer,
                   size_t document) {
  if (form.ids && !form.json)
    return parseIds(text, document);
  if (form.trim)
    text = trimmed(text);
  if (!tokenizer)
    return Status(ErrorClass::Config, "tokenizer-absent",
                  "this artifact has no tokenizer; give token ids with --ids");
  Result<Ids> result = tokenizer->encode(text, {/*addSpecial=*/false, /*parseSpecial=*/false});
  if (!result)
    return std::move(result).status().at(format("document %zu", document));
  return result;
}

Result<std::vector<std::string>> splitText(const std::string &text, const DocumentFormat &form) {
  if (form.lines)
    return splitLines(text);
  if (form.separator.empty())
    return std::vector<std::string>{text};
  std::vector<std::string> documents;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(form.separator, begin), text.size());
    documents.push_back(text.substr(begin, end - begin));
    begin = end + form.separator.size();
  }
  return documents;
}

Result<std::vector<Ids>> readJson(const std::string &text, const DocumentFormat &form,
                                  const Tokenizer *tokenizer) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array())
    return malformed("the file is not a JSON list of strings or of lists of token ids");
  std::vector<Ids> documents;
  for (const nlohmann::json &item : list) {
    const size_t number = documents.size();
    if (item.is_string()) {
      INGOT_ASSIGN(Ids ids, encode(item.get<std::string>(), form, tokenizer, number));
      documents.push_back(std::move(ids));
      continue;
    }
    Ids ids;
    for (const nlohmann::json &id : item) {
      if (!item.is_array() || !id.is_number_unsigned() || id.get<uint64_t>() > ~uint32_t(0))
        return malformed(
            format("document %zu is neither a string nor a list of token ids", number));
      ids.push_back(id.get<uint32_t>());
    }
    documents.push_back(std::move(ids));
  }
  return documents;
}

} // namespace

Result<std::vector<Ids>> readDocuments(const std::string &text, const DocumentFormat &form,
                                       const Tokenizer *tokenizer) {
  std::vector<Ids> documents;
  if (form.json) {
    INGOT_ASSIGN(documents, readJson(text, form, tokenizer));
  } else {
    INGOT_ASSIGN(const std::vector<std::string> texts, splitText(text, form));
    for (const std::string &one : texts) {
      INGOT_ASSIGN(Ids ids, encode(one, form, tokenizer, documents.size()));
      documents.push_back(std::move(ids));
    }
  }
  std::erase_if(documents, [](const Ids &ids) { return ids.empty(); });
  if (documents.empty())
    return malformed("there is no token to score");
  return documents;
}

} // namespace ingot::tools
