#include "tests/codegen/support/MatmulCase.h"

#include "runtime/base/Numerics.h"

#include <cmath>

namespace ingot::test {

using numerics::ActGroupMeta;

static WeightLayout layoutOf(const MatmulSize &size) {
  WeightLayout layout;
  layout.format = size.format;
  layout.kind = LayoutKind::Panel32;
  layout.rows = size.outputs;
  layout.columns = size.inputs;
  layout.group = size.group;
  layout.interleave = size.interleave;
  layout.units = size.interleave ? (size.outputs / 2 + 31) / 32 * 2 : (size.outputs + 31) / 32;
  const uint64_t block = size.format == WeightFormat::Int4   ? 512
                         : size.format == WeightFormat::Int8 ? 1024
                                                             : 2048;
  layout.unitBytes = layout.blocks() * block + (layout.isQuantized() ? layout.groups() * 64 : 0);
  layout.bytes = layout.units * layout.unitBytes;
  return layout;
}

static size_t metaBytes(const MatmulSize &size) {
  return size.format == WeightFormat::Bf16 ? 0 : size.rows * abi::actMetaRowBytes(size.inputs);
}

static size_t activationRowBytes(const MatmulSize &size) {
  return size.format == WeightFormat::Bf16 ? abi::bf16RowBytes(size.inputs)
                                           : abi::int8RowBytes(size.inputs);
}

MatmulCase::MatmulCase(const MatmulSize &size, uint64_t seed)
    : weights(layoutOf(size).bytes, 0), activations(size.rows * activationRowBytes(size), 0),
      meta(metaBytes(size), 0), size_(size), layout_(layoutOf(size)),
      random_(seed * 0x9e3779b97f4a7c15ull + 1) {
  fillWeights();
  fillActivations();
}

uint64_t MatmulCase::next() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_ >> 11;
}

/// Packs as Panel32.h describes; padding keeps value 0 and scale 0.
void MatmulCase::fillWeights() {
  const int64_t n = size_.outputs, k = size_.inputs, padded = layout_.paddedColumns();
  const int64_t blockBytes = size_.format == WeightFormat::Int4 ? 512 : 1024;
  if (!isQuantized()) {
    weightHalves_.assign(n * padded, 0);
    for (int64_t row = 0; row < n; ++row) {
      const uint64_t slot = layout_.interleave ? 0 : row;
      const auto column = slot % 32;
      uint16_t *panel = weights.as<uint16_t>() + slot / 32 * layout_.unitBytes / 2;
      for (int64_t i = 0; i < k; ++i) {
        const float value = (float(next() % 4001) - 2000.0f) * 0x1p-13f;
        const uint16_t half = numerics::toBf16(value);
        weightHalves_[row * padded + i] = half;
        panel[i / 2 * 64 + column * 2 + i % 2] = half;
      }
    }
    return;
  }
  const bool nibbles = size_.format == WeightFormat::Int4;
  const int64_t groups = layout_.groups(), perGroup = layout_.blocksPerGroup();
  const auto blockAt = [&](uint8_t *panel, int64_t block) {
    return panel + (block / perGroup + 1) * 64 + block * blockBytes;
  };
  for (uint64_t panel = 0; panel < layout_.units; ++panel)
    for (uint64_t block = 0; block < layout_.blocks(); ++block)
      std::fill_n(blockAt(weights.as<uint8_t>() + panel * layout_.unitBytes, block), blockBytes,
                  nibbles ? 0x88 : 0x80);
  weightValues_.assign(n * padded, 0);
  weightScales_.assign(n * groups, 0);
  for (int64_t row = 0; row < n; ++row) {
    const int64_t half = n / 2, source = row >= half;
    const int64_t slot = layout_.interleave ? (row - source * half) / 16 * 32 +
                                                  (row - source * half) % 16 + source * 16
                                            : row;
    const int64_t column = slot % 32;
    uint8_t *panel = weights.as<uint8_t>() + slot / 32 * layout_.unitBytes;
    for (int64_t g = 0; g < groups; ++g) {
      const uint16_t scale = numerics::toF16((1.0f + next() % 1000 * 0.001f) * 0x1p-7f);
      weightScales_[row * groups + g] = scale;
      std::memcpy(panel + g * (64 + perGroup * blockBytes) + column * 2, &scale, 2);
    }
    for (int64_t i = 0; i < k; ++i) {
      const int value = nibbles ? int(next() % 16) - 8 : int(next() % 256) - 128;
      weightValues_[row * padded + i] = int8_t(value);
      uint8_t *block = blockAt(panel, i / 32);
      const int64_t in = i % 32, v = column / 16, c = column % 16;
      if (nibbles) {
        uint8_t &byte = block[v * 256 + in / 8 * 64 + c * 4 + in % 4];
        byte = in % 8 < 4 ? (byte & 0xf0) | uint8_t(value + 8)
                          : (byte & 0x0f) | uint8_t((value + 8) << 4);
      } else {
        block[v * 512 + in / 4 * 64 + c * 4 + in % 4] = uint8_t(value + 128);
      }
    }
  }
}

void MatmulCase::fillActivations() {
  std::vector<float> group(32);
  for (int64_t row = 0; row < size_.rows; ++row)
    for (int64_t block = 0; block < int64_t(layout_.blocks()); ++block) {
      const float spread = std::ldexp(1.0f, int(next() % 12) - 6);
      for (int64_t i = 0; i < 32; ++i)
        group[i] = block * 32 + i < size_.inputs && next() % 16 != 0
                       ? (float(next() % 20001) - 10000.0f) * 1e-4f * spread
                       : 0.0f;
      if (next() % 31 == 0) // some groups of zeros
        std::fill(group.begin(), group.end(), 0.0f);
      if (!isQuantized()) {
        uint16_t *to = reinterpret_cast<uint16_t *>(activations.as<uint8_t>() +
                                                    row * activationRowBytes(size_)) +
                       block * 32;
        for (int64_t i = 0; i < 32; ++i)
          to[i] = numerics::toBf16(group[i]);
        continue;
      }
      int8_t *to = activations.as<int8_t>() + row * activationRowBytes(size_) + block * 32;
      ActGroupMeta *info = reinterpret_cast<ActGroupMeta *>(
                               meta.as<uint8_t>() + row * abi::actMetaRowBytes(size_.inputs)) +
                           block;
      *info = size_.floatScale ? numerics::quantizeActGroupF32(group.data(), to)
                               : numerics::quantizeActGroup(group.data(), to);
    }
}

float MatmulCase::expected(int64_t row, int64_t output) const {
  const int64_t padded = layout_.paddedColumns();
  float sum = 0.0f;
  if (!isQuantized()) {
    const uint16_t *a = reinterpret_cast<const uint16_t *>(activations.as<uint8_t>() +
                                                           row * activationRowBytes(size_));
    const uint16_t *w = &weightHalves_[output * padded];
    for (int64_t i = 0; i < padded; i += 2) {
      sum = std::fmaf(numerics::fromBf16(a[i + 1]), numerics::fromBf16(w[i + 1]), sum);
      sum = std::fmaf(numerics::fromBf16(a[i]), numerics::fromBf16(w[i]), sum);
    }
    return sum;
  }
  const int8_t *a = activations.as<int8_t>() + row * activationRowBytes(size_);
  const auto *info = reinterpret_cast<const ActGroupMeta *>(
      meta.as<uint8_t>() + row * abi::actMetaRowBytes(size_.inputs));
  for (int64_t block = 0; block < int64_t(layout_.blocks()); ++block) {
    int32_t dot = 0;
    for (int64_t i = block * 32; i < block * 32 + 32; ++i)
      dot += a[i] * weightValues_[output * padded + i];
    const float scale = numerics::fromF16(
        weightScales_[output * layout_.groups() + block / layout_.blocksPerGroup()]);
    if (size_.floatScale)
      sum = std::fmaf(float(dot), scale * numerics::floatOf(info[block].exponent), sum);
    else
      sum = std::fmaf(numerics::scaleByExponent(dot, info[block].exponent), scale, sum);
  }
  return size_.floatScale ? sum : sum * 0x1p-40f;
}

KernelProgram MatmulCase::program() const {
  KernelProgram program;
  ProgramValue input{isQuantized() ? ValueKind::QuantRows : ValueKind::Bf16Rows, size_.inputs};
  input.floatScale = size_.floatScale;
  input.slot = 1;
  ProgramValue weight{ValueKind::Parameter};
  weight.weight = layout_;
  weight.slot = isQuantized() ? 3 : 2;
  ProgramValue result{ValueKind::F32Rows, size_.outputs};
  result.slot = weight.slot + 1;
  program.values = {input, weight, result};
  ProgramOp linear{OpKind::Linear};
  linear.operands = {0, 1};
  linear.results = {2};
  program.ops = {linear};
  return program;
}

std::vector<uint64_t> MatmulCase::args(const abi::BatchView &batch, int64_t first,
                                       const Buffer &result) const {
  std::vector<uint64_t> args = {reinterpret_cast<uint64_t>(&batch),
                                activations.slot() + first * activationRowBytes(size_)};
  if (isQuantized())
    args.push_back(meta.slot() + first * abi::actMetaRowBytes(size_.inputs));
  args.push_back(weights.slot());
  args.push_back(result.slot() + first * abi::f32RowBytes(size_.outputs));
  return args;
}

} // namespace ingot::test
