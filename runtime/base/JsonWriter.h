// Writes JSON text piece by piece. Strings are escaped and invalid UTF-8 becomes U+FFFD, so that
// the result is valid whatever the input holds; numbers print so that they read back exactly.
#pragma once

#include <cstdint>
#include <ostream>
#include <string_view>
#include <vector>

namespace ingot {

class JsonWriter {
public:
  /// Two spaces of indentation per level; `pretty` false writes one line.
  explicit JsonWriter(std::ostream &out, bool pretty = true) : out_(out), pretty_(pretty) {}

  JsonWriter &beginObject() { return begin('{'); }
  JsonWriter &endObject() { return end('}'); }
  JsonWriter &beginArray() { return begin('['); }
  JsonWriter &endArray() { return end(']'); }
  /// The name of the next value; only inside an object.
  JsonWriter &key(std::string_view name);

  JsonWriter &value(std::string_view text);
  JsonWriter &value(const char *text) { return value(std::string_view(text)); }
  JsonWriter &value(bool flag);
  /// NaN and infinities, which JSON lacks, become null.
  JsonWriter &value(double number);
  JsonWriter &value(float number);
  JsonWriter &value(int64_t number);
  JsonWriter &value(uint64_t number);
  JsonWriter &value(int32_t number) { return value(static_cast<int64_t>(number)); }
  JsonWriter &value(uint32_t number) { return value(static_cast<uint64_t>(number)); }

  /// key and value in one.
  template <typename T>
  JsonWriter &field(std::string_view name, const T &item) {
    return key(name).value(item);
  }

private:
  JsonWriter &begin(char bracket);
  JsonWriter &end(char bracket);
  void beforeValue();
  void newLine();
  void quote(std::string_view text);

  std::ostream &out_;
  bool pretty_;
  bool afterKey_ = false;
  std::vector<bool> hasItems_; ///< per open bracket
};

} // namespace ingot
