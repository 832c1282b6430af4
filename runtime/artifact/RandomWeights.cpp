#include "runtime/artifact/RandomWeights.h"

#include "runtime/artifact/Panel32.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"
#include "runtime/base/Numerics.h"
#include "runtime/base/Random.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <vector>

namespace ingot {

/// Standard deviations of the integers of kRandomGenerator: sqrt(2 * (1 + 4 + ... + 49) / 16) and
/// sqrt(2 * (1 + 4 + ... + 127^2) / 256).
static constexpr double kInt4Deviation = 4.18330013267, kInt8Deviation = 73.46768;
/// Standard deviation of +-(1 + m / 8) * 2^-e for m of 0..7 and e of 0..3.
static constexpr double kE4m3Deviation = 0.844602;
/// A uniform variable in [-1, 1] has standard deviation 1 / sqrt(3).
static constexpr double kSqrt3 = 1.73205080757;

static uint16_t scaleBits(const WeightLayout &layout, float scale) {
  const double deviation = layout.format == WeightFormat::Int4   ? kInt4Deviation
                           : layout.format == WeightFormat::Int8 ? kInt8Deviation
                                                                 : kE4m3Deviation;
  return numerics::toF16(static_cast<float>(static_cast<double>(scale) / deviation));
}

/// Sixteen nibbles at once: each nibble of 0 becomes 8.
static uint64_t symmetricNibbles(uint64_t x) {
  const uint64_t any = x | x >> 1 | x >> 2 | x >> 3;
  return x | (~any & 0x1111111111111111ull) << 3;
}
/// Eight bytes at once: each byte of 0 becomes 128.
static uint64_t symmetricBytes(uint64_t x) {
  uint64_t any = x | x >> 4;
  any |= any >> 2;
  any |= any >> 1;
  return x | (~any & 0x0101010101010101ull) << 7;
}

static void fillNibbles(uint64_t key, uint64_t word, uint64_t words, uint8_t *out) {
  for (uint64_t i = 0; i < words; ++i) {
    const uint64_t bits = symmetricNibbles(randomBits(key, word + i));
    std::memcpy(out + i * 8, &bits, 8);
  }
}
static void fillBytes(uint64_t key, uint64_t word, uint64_t words, uint8_t *out) {
  for (uint64_t i = 0; i < words; ++i) {
    const uint64_t bits = symmetricBytes(randomBits(key, word + i));
    std::memcpy(out + i * 8, &bits, 8);
  }
}

/// Eight e4m3 of magnitude 0.125 to 1.875.
static void fillE4m3(uint64_t key, uint64_t word, uint64_t words, uint8_t *out) {
  for (uint64_t i = 0; i < words; ++i) {
    const uint64_t bits =
        (randomBits(key, word + i) & 0x9f9f9f9f9f9f9f9full) | 0x2020202020202020ull;
    std::memcpy(out + i * 8, &bits, 8);
  }
}

/// bf16(x * factor), nearest even, denormal results flushed: toBf16 without its NaN branch.
static uint64_t uniformBf16(uint64_t bits, int shift, float factor) {
  const float value = static_cast<float>(static_cast<int16_t>(bits >> shift)) * factor;
  const uint32_t raw = numerics::bitsOf(value);
  const uint32_t flushed = (raw & 0x7f800000u) == 0 ? raw & 0x80000000u : raw;
  return static_cast<uint64_t>((flushed + 0x7fffu + (flushed >> 16 & 1u)) >> 16) << shift;
}
static float bf16Factor(float scale) {
  return static_cast<float>(static_cast<double>(scale) * kSqrt3 / 32768.0);
}
static void fillBf16(uint64_t key, uint64_t word, uint64_t words, float factor, uint8_t *out) {
  for (uint64_t i = 0; i < words; ++i) {
    const uint64_t bits = randomBits(key, word + i);
    const uint64_t packed = uniformBf16(bits, 0, factor) | uniformBf16(bits, 16, factor) |
                            uniformBf16(bits, 32, factor) | uniformBf16(bits, 48, factor);
    std::memcpy(out + i * 8, &packed, 8);
  }
}

static void fillF16(uint64_t key, uint64_t word, uint64_t words, float factor, uint8_t *out) {
  for (uint64_t i = 0; i < words; ++i) {
    const uint64_t bits = randomBits(key, word + i);
    uint16_t packed[4];
    for (int j = 0; j < 4; ++j)
      packed[j] =
          numerics::toF16(static_cast<float>(static_cast<int16_t>(bits >> 16 * j)) * factor);
    std::memcpy(out + i * 8, packed, 8);
  }
}

static void fillOnes(const WeightLayout &layout, uint64_t units, uint8_t *out) {
  std::vector<float> row(layout.unitBytes / sizeof(float), 0.0f);
  std::fill_n(row.begin(), layout.columns, 1.0f);
  for (uint64_t unit = 0; unit < units; ++unit)
    std::memcpy(out + unit * layout.unitBytes, row.data(), layout.unitBytes);
}

void fillRandomUnits(const WeightLayout &layout, const artifact::Generator &generator,
                     uint64_t firstUnit, uint64_t units, uint8_t *out) {
  assert(firstUnit + units <= layout.units && generator.id == kRandomGenerator);
  if (layout.format == WeightFormat::F32)
    return fillOnes(layout, units, out);
  const uint64_t key = randomKey(generator.seed, generator.stream);
  const uint64_t wordsPerUnit = layout.unitBytes / 8;
  const uint64_t word = firstUnit * wordsPerUnit, words = units * wordsPerUnit;
  if (layout.format == WeightFormat::Int4)
    fillNibbles(key, word, words, out);
  else if (layout.format == WeightFormat::Int8)
    fillBytes(key, word, words, out);
  else if (layout.format == WeightFormat::E4m3)
    fillE4m3(key, word, words, out);
  else if (layout.format == WeightFormat::F16)
    fillF16(key, word, words, bf16Factor(generator.scale), out);
  else
    fillBf16(key, word, words, bf16Factor(generator.scale), out);
  for (uint64_t unit = 0; unit < units; ++unit) {
    uint8_t *panel = out + unit * layout.unitBytes;
    if (layout.isQuantized())
      setPanelScales(layout, scaleBits(layout, generator.scale), panel);
    clearPanelPadding(layout, firstUnit + unit, panel);
  }
}

uint64_t randomFirstMibHash(const WeightLayout &layout, const artifact::Generator &generator) {
  const uint64_t bytes = std::min<uint64_t>(uint64_t(1) << 20, layout.bytes);
  const uint64_t units = (bytes + layout.unitBytes - 1) / layout.unitBytes;
  std::vector<uint8_t> data(units * layout.unitBytes);
  fillRandomUnits(layout, generator, 0, units, data.data());
  return hash64(data.data(), bytes);
}

Status checkGenerator(const WeightLayout &layout, const artifact::Generator &generator) {
  if (generator.id != kRandomGenerator)
    return Status(ErrorClass::Data, "random-weights",
                  format("generator %u is unknown; this runtime has generator %u: use a newer one",
                         generator.id, kRandomGenerator));
  // Between these bounds every f16 scale is finite and positive and no bf16 value overflows.
  const bool usable = generator.scale >= 1e-5f && generator.scale <= 1e5f;
  if (!usable && layout.format != WeightFormat::F32)
    return Status(ErrorClass::Data, "random-weights",
                  format("scale %g is outside 1e-5..1e5", static_cast<double>(generator.scale)));
  return Status::ok();
}

} // namespace ingot
