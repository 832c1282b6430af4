#include "ir/reference/Values.h"

namespace ingot::reference {

Rows Rows::ofFloats(int64_t rows, int64_t columns, RowKind kind) {
  Rows result;
  result.kind = kind;
  result.rows = rows;
  result.columns = columns;
  result.floats.resize(size_t(rows * columns));
  return result;
}

Rows Rows::ofInts(int64_t rows, int64_t columns) {
  Rows result;
  result.kind = RowKind::Int;
  result.rows = rows;
  result.columns = columns;
  result.ints.resize(size_t(rows * columns));
  return result;
}

float Rows::valueAt(int64_t r, int64_t c) const {
  if (kind == RowKind::Int)
    return static_cast<float>(ints[r * columns + c]);
  if (isRowScaled())
    return floats[r * columns + c] * rowScales[r];
  if (!isQuantized())
    return floats[r * columns + c];
  const int64_t group = r * groups() + c / numerics::kActGroup;
  const float q = int8[group * numerics::kActGroup + c % numerics::kActGroup];
  const int32_t exponent = meta[group].exponent;
  if (kind == RowKind::Int8F32)
    return q * numerics::floatOf(static_cast<uint32_t>(exponent));
  // `exponent` is that of the scale plus the bias, in the place of a float's exponent field.
  return std::ldexp(q, (exponent >> 23) - numerics::kScaleBias);
}

void Batch::append(uint32_t sequence, uint32_t first, std::span<const uint32_t> ids,
                   bool returnAll) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint32_t position = first + static_cast<uint32_t>(i);
    if (returnAll || i + 1 == ids.size())
      returnRows.push_back(static_cast<uint32_t>(tokenIds.size()));
    tokenIds.push_back(ids[i]);
    ropePositions.push_back(position);
    tokenSequence.push_back(sequence);
    kvPositions.push_back(position);
    visibleBegin.push_back(0);
    visibleEnd.push_back(position + 1);
  }
}

float KvRun::decode(uint16_t bits) const {
  switch (format) {
  case abi::KvFormat::Bf16:
    break;
  case abi::KvFormat::F16:
    return numerics::fromF16(bits);
  case abi::KvFormat::E4m3:
    return numerics::fromE4m3(static_cast<uint8_t>(bits));
  case abi::KvFormat::Int8:
    return static_cast<float>(static_cast<int8_t>(bits));
  }
  return numerics::fromBf16(bits);
}

void KvRun::grow(int64_t count, CacheFormat format) {
  constexpr uint16_t kPoison = 0x7fff; // a NaN: reading what was never written shows at once
  if (count <= positions())
    return;
  keys.resize(size_t(count * keyWidth), kPoison);
  values.resize(size_t(count * valueWidth), kPoison);
  if (this->format == abi::KvFormat::Int8) {
    keyScales.resize(size_t(count * heads), numerics::fromBf16(kPoison));
    valueScales.resize(keyScales.size(), numerics::fromBf16(kPoison));
  }
  if (format != CacheFormat::F32)
    return;
  wideKeys.resize(keys.size(), numerics::fromBf16(kPoison));
  wideValues.resize(values.size(), numerics::fromBf16(kPoison));
}

} // namespace ingot::reference
