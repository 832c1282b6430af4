#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include <cstring>

namespace ingot::test {

std::string modelData(const std::string &name) { return testData("models/" + name); }

bool failsWith(const Status &status, const std::string &id, const std::vector<std::string> &parts) {
  UNSCOPED_INFO(status.toString());
  bool matches = status.id() == id;
  for (const std::string &part : parts)
    if (status.message().find(part) == std::string::npos) {
      UNSCOPED_INFO("the message lacks \"" << part << "\"");
      matches = false;
    }
  return matches;
}

std::vector<uint8_t> safetensorsFile(const std::string &header, const std::vector<uint8_t> &data) {
  std::vector<uint8_t> file(8 + header.size());
  const uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  std::memcpy(file.data() + 8, header.data(), header.size());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

SafetensorsBuilder &SafetensorsBuilder::add(const std::string &name,
                                            const std::vector<int64_t> &shape,
                                            const std::vector<float> &values) {
  std::string dims;
  for (int64_t dim : shape)
    dims += (dims.empty() ? "" : ",") + std::to_string(dim);
  const size_t begin = data_.size();
  data_.resize(begin + values.size() * sizeof(float));
  if (!values.empty())
    std::memcpy(data_.data() + begin, values.data(), values.size() * sizeof(float));
  entries_ += (entries_.empty() ? "" : ",") + ("\"" + name) + "\":{\"dtype\":\"F32\",\"shape\":[" +
              dims + "],\"data_offsets\":[" + std::to_string(begin) + "," +
              std::to_string(data_.size()) + "]}";
  return *this;
}

SafetensorsBuilder &SafetensorsBuilder::add(const std::string &name,
                                            const std::vector<int64_t> &shape, float fill) {
  int64_t elements = 1;
  for (int64_t dim : shape)
    elements *= dim;
  return add(name, shape, std::vector<float>(static_cast<size_t>(elements), fill));
}

std::vector<uint8_t> SafetensorsBuilder::bytes() const {
  return safetensorsFile("{" + entries_ + "}", data_);
}

std::string replaced(const std::string &text, const std::string &from, const std::string &to) {
  const size_t place = text.find(from);
  REQUIRE(place != std::string::npos);
  REQUIRE(text.find(from, place + 1) == std::string::npos);
  return text.substr(0, place) + to + text.substr(place + from.size());
}

} // namespace ingot::test
