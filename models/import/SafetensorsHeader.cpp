#include "models/import/SafetensorsHeader.h"

#include "models/import/Json.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace ingot {
namespace {

struct ElementType {
  std::string_view name;
  uint32_t bits;
};

// Every element type of the format; those that no weight can have still take their place in a file.
constexpr std::array kElementTypes = {
    ElementType{"BOOL", 8},    ElementType{"U8", 8},      ElementType{"I8", 8},
    ElementType{"F8_E5M2", 8}, ElementType{"F8_E4M3", 8}, ElementType{"F8_E8M0", 8},
    ElementType{"U16", 16},    ElementType{"I16", 16},    ElementType{"F16", 16},
    ElementType{"BF16", 16},   ElementType{"U32", 32},    ElementType{"I32", 32},
    ElementType{"F32", 32},    ElementType{"U64", 64},    ElementType{"I64", 64},
    ElementType{"F64", 64},    ElementType{"C64", 64},    ElementType{"F4", 4},
    ElementType{"F6_E2M3", 6}, ElementType{"F6_E3M2", 6},
};
constexpr size_t kMaxRank = 8;
constexpr uint64_t kLengthBytes = 8;

unsigned long long show(uint64_t value) { return value; }

/// Reads one table row; knows the file and tensor for its messages.
class EntryReader {
public:
  EntryReader(std::string_view where, const std::string &name, const Json &row)
      : place_(std::string(where) + ": tensor \"" + name + "\""), row_(row) {
    entry_.name = name;
  }

  Result<SafetensorsEntry> read(uint64_t dataBytes) {
    if (!row_.is_object())
      return fail("safetensors-entry", "its entry is not an object");
    INGOT_TRY(readType());
    INGOT_TRY(readShape());
    INGOT_TRY(readOffsets(dataBytes));
    return std::move(entry_);
  }

private:
  Status fail(const char *id, const std::string &what) const {
    return Status(ErrorClass::Data, id, place_ + ": " + what);
  }

  Status readType() {
    const auto type = row_.find("dtype");
    if (type == row_.end() || !type->is_string())
      return fail("safetensors-entry", "\"dtype\" is missing or no string");
    entry_.type = type->get<std::string>();
    const auto known = std::find_if(kElementTypes.begin(), kElementTypes.end(),
                                    [&](const ElementType &e) { return e.name == entry_.type; });
    if (known == kElementTypes.end())
      return fail("safetensors-dtype", "unknown dtype \"" + entry_.type.substr(0, 40) +
                                           "\"; the file is newer than this reader or damaged");
    elementBits_ = known->bits;
    return Status::ok();
  }

  Status readShape() {
    const auto shape = row_.find("shape");
    if (shape == row_.end() || !shape->is_array())
      return fail("safetensors-entry", "\"shape\" is missing or no array");
    if (shape->size() > kMaxRank)
      return fail("safetensors-shape",
                  format("has %zu dimensions, at most %zu are read", shape->size(), kMaxRank));
    CheckedU64 bits(elementBits_);
    for (const Json &dim : *shape) {
      if (!dim.is_number_unsigned() || dim.get<uint64_t>() > uint64_t(INT64_MAX))
        return fail("safetensors-shape", "dimension " + std::to_string(entry_.shape.size()) +
                                             " is not a size: " + dim.dump().substr(0, 40));
      entry_.shape.push_back(static_cast<int64_t>(dim.get<uint64_t>()));
      bits = bits * CheckedU64(dim.get<uint64_t>());
    }
    if (!bits.ok())
      return fail("safetensors-shape", "its size " + shape->dump() + " does not fit 64 bits");
    if (bits.valueOrMax() % 8 != 0)
      return fail("safetensors-shape",
                  format("its %llu bits are no whole bytes", show(bits.valueOrMax())));
    bytes_ = bits.valueOrMax() / 8;
    return Status::ok();
  }

  Status readOffsets(uint64_t dataBytes) {
    const auto offsets = row_.find("data_offsets");
    if (offsets == row_.end() || !offsets->is_array() || offsets->size() != 2 ||
        !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned())
      return fail("safetensors-entry", "\"data_offsets\" is not a pair of byte offsets");
    entry_.begin = (*offsets)[0].get<uint64_t>();
    entry_.end = (*offsets)[1].get<uint64_t>();
    if (entry_.begin > entry_.end || entry_.end > dataBytes)
      return fail("safetensors-offsets",
                  format("bytes %llu to %llu lie outside the %llu bytes of data; the file is "
                         "truncated or damaged",
                         show(entry_.begin), show(entry_.end), show(dataBytes)));
    if (entry_.end - entry_.begin != bytes_)
      return fail("safetensors-offsets",
                  format("%s %s takes %llu bytes, the offsets %llu to %llu hold %llu",
                         entry_.type.c_str(), row_["shape"].dump().c_str(), show(bytes_),
                         show(entry_.begin), show(entry_.end), show(entry_.end - entry_.begin)));
    return Status::ok();
  }

  std::string place_;
  const Json &row_;
  SafetensorsEntry entry_;
  uint32_t elementBits_ = 0;
  uint64_t bytes_ = 0;
};

/// Sorts by offset and checks that the tensors cover [0, dataBytes) once.
Status checkTiling(std::vector<SafetensorsEntry> &tensors, uint64_t dataBytes,
                   const std::string &where) {
  std::sort(tensors.begin(), tensors.end(), [](const auto &a, const auto &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t covered = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const SafetensorsEntry &entry = tensors[i];
    if (entry.begin < covered)
      return Status(ErrorClass::Data, "safetensors-overlap",
                    format("%s: tensors \"%s\" and \"%s\" overlap at data byte %llu", where.c_str(),
                           tensors[i - 1].name.c_str(), entry.name.c_str(), show(entry.begin)));
    if (entry.begin > covered)
      return Status(ErrorClass::Data, "safetensors-gap",
                    format("%s: data bytes %llu to %llu before tensor \"%s\" belong to no tensor",
                           where.c_str(), show(covered), show(entry.begin), entry.name.c_str()));
    covered = entry.end;
  }
  if (covered != dataBytes)
    return Status(ErrorClass::Data, "safetensors-gap",
                  format("%s: the tensors end at data byte %llu, the file at %llu", where.c_str(),
                         show(covered), show(dataBytes)));
  return Status::ok();
}

/// The JSON text behind the length, checked against the file's size.
Result<std::string_view> headerText(std::span<const uint8_t> bytes, const std::string &where) {
  if (bytes.size() < kLengthBytes)
    return Status(
        ErrorClass::Data, "safetensors-truncated",
        format("%s: %zu bytes are too few for a safetensors file", where.c_str(), bytes.size()));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxSafetensorsHeader)
    return Status(ErrorClass::Data, "safetensors-header",
                  format("%s: header length %llu is above the limit of %llu bytes; this is no "
                         "safetensors file",
                         where.c_str(), show(length), show(kMaxSafetensorsHeader)));
  if (length > bytes.size() - kLengthBytes)
    return Status(ErrorClass::Data, "safetensors-truncated",
                  format("%s: header of %llu bytes in a file of %zu; the file is truncated",
                         where.c_str(), show(length), bytes.size()));
  return std::string_view(reinterpret_cast<const char *>(bytes.data()) + kLengthBytes, length);
}

} // namespace

Result<SafetensorsHeader> parseSafetensorsHeader(std::span<const uint8_t> bytes,
                                                 std::string_view whereView) {
  const std::string where(whereView);
  INGOT_ASSIGN(const std::string_view text, headerText(bytes, where));
  INGOT_ASSIGN(const Json table, parseJson(text, where + " (header)"));
  if (!table.is_object())
    return Status(ErrorClass::Data, "safetensors-header", where + ": the header is not an object");
  SafetensorsHeader header;
  header.dataOffset = kLengthBytes + text.size();
  const uint64_t dataBytes = bytes.size() - header.dataOffset;
  for (const auto &[name, row] : table.items()) {
    if (name == "__metadata__")
      continue;
    INGOT_ASSIGN(SafetensorsEntry entry, EntryReader(where, name, row).read(dataBytes));
    header.tensors.push_back(std::move(entry));
  }
  INGOT_TRY(checkTiling(header.tensors, dataBytes, where));
  return header;
}

} // namespace ingot
