#include "models/import/Json.h"

#include "runtime/base/Format.h"
#include "runtime/base/MappedFile.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace ingot {
namespace {

/// Builds the document and stops at the first thing that is not allowed.
class DocumentBuilder : public nlohmann::json_sax<Json> {
public:
  explicit DocumentBuilder(std::string_view where) : where_(where) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override { return add(value); }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t &value) override {
    if (open_.back()->contains(value)) {
      error_ = Status(ErrorClass::Data, "json-duplicate-key",
                      format("%s: the key \"%s\" appears twice in one object",
                             std::string(where_).c_str(), value.c_str()));
      return false;
    }
    key_ = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string &token,
                   const nlohmann::detail::exception &) override {
    error_ = Status(ErrorClass::Data, "json-invalid",
                    format("%s: not valid JSON at byte %zu, near \"%.40s\"",
                           std::string(where_).c_str(), position, token.c_str()));
    return false;
  }

  Json takeDocument() { return std::move(document_); }
  const Status &error() const { return error_; }

private:
  template <typename T>
  bool add(T &&value) {
    place() = std::forward<T>(value);
    return true;
  }

  /// Where the next value goes: the root, the end of the open array or the pending key.
  Json &place() {
    if (open_.empty())
      return document_;
    Json &parent = *open_.back();
    return parent.is_array() ? parent.emplace_back() : parent[key_];
  }

  bool open(Json container) {
    if (open_.size() == static_cast<size_t>(kMaxJsonDepth)) {
      error_ = Status(ErrorClass::Data, "json-depth",
                      format("%s: JSON is nested deeper than %d levels",
                             std::string(where_).c_str(), kMaxJsonDepth));
      return false;
    }
    Json &target = place();
    target = std::move(container);
    open_.push_back(&target);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view where_;
  Json document_;
  std::vector<Json *> open_; ///< containers from the root to the innermost
  std::string key_;
  Status error_;
};

} // namespace

Result<Json> parseJson(std::string_view text, std::string_view where) {
  DocumentBuilder builder(where);
  const bool parsed = Json::sax_parse(text.begin(), text.end(), &builder);
  if (parsed)
    return builder.takeDocument();
  if (!builder.error().isOk())
    return builder.error();
  return Status(ErrorClass::Data, "json-invalid", std::string(where) + ": not valid JSON");
}

Result<std::string> readTextFile(const std::string &path, uint64_t maxBytes) {
  INGOT_ASSIGN(const MappedFile file, MappedFile::open(path));
  const std::span<const uint8_t> bytes = file.bytes();
  if (bytes.size() > maxBytes)
    return Status(ErrorClass::Data, "file-too-large",
                  format("%s: %zu bytes, at most %llu are read", path.c_str(), bytes.size(),
                         static_cast<unsigned long long>(maxBytes)));
  return std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

} // namespace ingot
