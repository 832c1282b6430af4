#include "runtime/base/CpuFeatures.h"

#include "runtime/base/Format.h"

#include <array>
#include <cpuid.h>

namespace ingot {

/// Where cpuid reports a feature, and which register state the operating system must save for it.
struct FeatureBit {
  CpuFeature feature;
  const char *name;
  uint32_t leaf, subleaf;
  char reg; ///< 'a'..'d'
  int bit;
  uint64_t xcr0; ///< bits of XCR0 that must be set
};

/// XCR0: SSE and AVX state; the same with the three AVX-512 states.
static constexpr uint64_t kAvxState = 0x6, kAvx512State = 0xe6;

static constexpr std::array<FeatureBit, kCpuFeatureCount> kFeatureBits = {{
    {CpuFeature::Avx, "avx", 1, 0, 'c', 28, kAvxState},
    {CpuFeature::Avx2, "avx2", 7, 0, 'b', 5, kAvxState},
    {CpuFeature::Fma, "fma", 1, 0, 'c', 12, kAvxState},
    {CpuFeature::F16c, "f16c", 1, 0, 'c', 29, kAvxState},
    {CpuFeature::Bmi1, "bmi1", 7, 0, 'b', 3, 0},
    {CpuFeature::Bmi2, "bmi2", 7, 0, 'b', 8, 0},
    {CpuFeature::Lzcnt, "lzcnt", 0x80000001, 0, 'c', 5, 0},
    {CpuFeature::Movbe, "movbe", 1, 0, 'c', 22, 0},
    {CpuFeature::Avx512f, "avx512f", 7, 0, 'b', 16, kAvx512State},
    {CpuFeature::Avx512bw, "avx512bw", 7, 0, 'b', 30, kAvx512State},
    {CpuFeature::Avx512cd, "avx512cd", 7, 0, 'b', 28, kAvx512State},
    {CpuFeature::Avx512dq, "avx512dq", 7, 0, 'b', 17, kAvx512State},
    {CpuFeature::Avx512vl, "avx512vl", 7, 0, 'b', 31, kAvx512State},
    {CpuFeature::Avx512vnni, "avx512_vnni", 7, 0, 'c', 11, kAvx512State},
    {CpuFeature::Avx512bf16, "avx512_bf16", 7, 1, 'a', 5, kAvx512State},
}};

static constexpr CpuFeature kLevelFeatures[] = {
    CpuFeature::Avx,      CpuFeature::Avx2,       CpuFeature::Fma,       CpuFeature::F16c,
    CpuFeature::Bmi1,     CpuFeature::Bmi2,       CpuFeature::Lzcnt,     CpuFeature::Movbe,
    CpuFeature::Avx512f,  CpuFeature::Avx512bw,   CpuFeature::Avx512cd,  CpuFeature::Avx512dq,
    CpuFeature::Avx512vl, CpuFeature::Avx512vnni, CpuFeature::Avx512bf16};
/// How many of kLevelFeatures each level needs.
static constexpr size_t kLevelFeatureCount[kCpuLevelCount] = {8, 14, 15};

static constexpr const char *kLevelNames[kCpuLevelCount] = {"x86-64-v3", "x86-64-v4-vnni",
                                                            "x86-64-v4-vnni-bf16"};

static uint64_t readXcr0() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

CpuFeatures CpuFeatures::host() {
  CpuFeatures features;
  uint32_t a, b, c, d;
  const bool osSavesState = __get_cpuid(1, &a, &b, &c, &d) && (c >> 27 & 1); // OSXSAVE
  const uint64_t xcr0 = osSavesState ? readXcr0() : 0;
  for (const FeatureBit &entry : kFeatureBits) {
    // Sub-leaf 1 of leaf 7 exists only when sub-leaf 0 says so.
    if (entry.subleaf > 0 &&
        (!__get_cpuid_count(entry.leaf, 0, &a, &b, &c, &d) || a < entry.subleaf))
      continue;
    if (!__get_cpuid_count(entry.leaf, entry.subleaf, &a, &b, &c, &d))
      continue;
    const uint32_t regs[] = {a, b, c, d};
    if ((regs[entry.reg - 'a'] >> entry.bit & 1) && (xcr0 & entry.xcr0) == entry.xcr0)
      features.add(entry.feature);
  }
  return features;
}

CpuFeatures CpuFeatures::ofLevel(CpuLevel level) {
  CpuFeatures features;
  for (CpuFeature feature : levelFeatures(level))
    features.add(feature);
  return features;
}

bool CpuFeatures::has(std::string_view name) const {
  for (const FeatureBit &entry : kFeatureBits)
    if (name == entry.name)
      return has(entry.feature);
  return false;
}

bool CpuFeatures::runs(CpuLevel level) const {
  for (CpuFeature feature : levelFeatures(level))
    if (!has(feature))
      return false;
  return true;
}

std::optional<CpuLevel> CpuFeatures::bestLevel() const {
  for (int i = kCpuLevelCount; i-- > 0;)
    if (runs(static_cast<CpuLevel>(i)))
      return static_cast<CpuLevel>(i);
  return std::nullopt;
}

std::string CpuFeatures::toString() const {
  std::string text;
  for (const FeatureBit &entry : kFeatureBits)
    if (has(entry.feature))
      text += (text.empty() ? "" : " ") + std::string(entry.name);
  return text;
}

const char *featureName(CpuFeature feature) {
  return kFeatureBits[static_cast<size_t>(feature)].name;
}

const char *levelName(CpuLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

Result<CpuLevel> parseLevel(std::string_view name) {
  for (int i = 0; i < kCpuLevelCount; ++i) {
    const std::string_view full = kLevelNames[i];
    if (name == full || name == full.substr(7))
      return static_cast<CpuLevel>(i);
  }
  return Status(ErrorClass::Usage, "cpu-level",
                format("unknown CPU level \"%.*s\"; known are %s, %s and %s",
                       static_cast<int>(name.size()), name.data(), kLevelNames[0], kLevelNames[1],
                       kLevelNames[2]));
}

std::span<const CpuFeature> levelFeatures(CpuLevel level) {
  return {kLevelFeatures, kLevelFeatureCount[static_cast<size_t>(level)]};
}

} // namespace ingot
