// What the processor can do and which of Ingot's instruction-set levels it can run.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ingot {

/// Feature bits; names (featureName) are the flags of /proc/cpuinfo ("lzcnt" is "abm" there).
enum class CpuFeature : uint8_t {
  Avx,
  Avx2,
  Fma,
  F16c,
  Bmi1,
  Bmi2,
  Lzcnt,
  Movbe,
  Avx512f,
  Avx512bw,
  Avx512cd,
  Avx512dq,
  Avx512vl,
  Avx512vnni,
  Avx512bf16,
};
inline constexpr int kCpuFeatureCount = 15;

/// Levels of target "cpu", ascending: each runs whatever the one before it runs, with the same
/// bits.
enum class CpuLevel : uint8_t { V3, V4Vnni, V4VnniBf16 };
inline constexpr int kCpuLevelCount = 3;

class CpuFeatures {
public:
  /// The features of this machine that its operating system also saves and restores (cpuid,
  /// xgetbv).
  static CpuFeatures host();
  /// A made-up machine with exactly the features of `level`.
  static CpuFeatures ofLevel(CpuLevel level);

  bool has(CpuFeature feature) const { return bits_ >> static_cast<int>(feature) & 1; }
  /// False also for names that this runtime does not know.
  bool has(std::string_view name) const;
  bool runs(CpuLevel level) const;
  /// The highest level this machine runs; nothing below x86-64-v3.
  std::optional<CpuLevel> bestLevel() const;
  /// "avx avx2 fma ...", for messages.
  std::string toString() const;

  void add(CpuFeature feature) { bits_ |= 1u << static_cast<int>(feature); }

private:
  uint32_t bits_ = 0;
};

/// "avx512_vnni" and the like.
const char *featureName(CpuFeature feature);
/// "x86-64-v3", "x86-64-v4-vnni", "x86-64-v4-vnni-bf16".
const char *levelName(CpuLevel level);
/// The level with this name; "v3", "v4-vnni" and "v4-vnni-bf16" are accepted as short forms.
Result<CpuLevel> parseLevel(std::string_view name);
/// The features a level needs beyond baseline x86-64.
std::span<const CpuFeature> levelFeatures(CpuLevel level);

} // namespace ingot
