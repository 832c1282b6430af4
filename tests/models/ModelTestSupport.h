// What the tests of models/ share: places of data, and safetensors files made on the spot.
#pragma once

#include "runtime/base/Status.h"
#include "tests/support/TempDir.h"
#include "tests/support/TestData.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::test {

/// Path of a file or directory below tests/data/models.
std::string modelData(const std::string &name);

/// True when `status` has this id and its message holds each of `parts`; says what differs.
bool failsWith(const Status &status, const std::string &id, const std::vector<std::string> &parts);

/// A file from the text of its header and the bytes behind it.
std::vector<uint8_t> safetensorsFile(const std::string &header, const std::vector<uint8_t> &data);

/// Float32 tensors, laid out one after the other.
class SafetensorsBuilder {
public:
  SafetensorsBuilder &add(const std::string &name, const std::vector<int64_t> &shape,
                          const std::vector<float> &values);
  /// All elements have the value `fill`.
  SafetensorsBuilder &add(const std::string &name, const std::vector<int64_t> &shape, float fill);
  std::vector<uint8_t> bytes() const;

private:
  std::string entries_;
  std::vector<uint8_t> data_;
};

/// `text` with the one occurrence of `from` replaced.
std::string replaced(const std::string &text, const std::string &from, const std::string &to);

} // namespace ingot::test
