#include "runtime/tools/Walls.h"

#include "runtime/base/CpuFeatures.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <immintrin.h>

namespace ingot::tools {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads [data, data + bytes), bytes a multiple of 512, asking for lines `ahead` bytes before they
/// are due; returns something that depends on all of it.
__attribute__((target("avx512f"))) uint64_t readAvx512(const uint8_t *data, uint64_t bytes,
                                                       uint64_t ahead) {
  __m512i sum[8] = {};
  for (uint64_t i = 0; i < bytes; i += 512)
    for (int k = 0; k < 8; ++k) {
      _mm_prefetch(data + i + 64 * k + ahead, _MM_HINT_T0);
      sum[k] = _mm512_xor_si512(sum[k], _mm512_load_si512(data + i + 64 * k));
    }
  for (int k = 1; k < 8; ++k)
    sum[0] = _mm512_xor_si512(sum[0], sum[k]);
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes, sum[0]);
  return lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3] ^ lanes[4] ^ lanes[5] ^ lanes[6] ^ lanes[7];
}

__attribute__((target("avx2"))) uint64_t readAvx2(const uint8_t *data, uint64_t bytes,
                                                  uint64_t ahead) {
  __m256i sum[8] = {};
  for (uint64_t i = 0; i < bytes; i += 256)
    for (int k = 0; k < 8; ++k) {
      _mm_prefetch(data + i + 32 * k + ahead, _MM_HINT_T0);
      sum[k] = _mm256_xor_si256(
          sum[k], _mm256_load_si256(reinterpret_cast<const __m256i *>(data + i + 32 * k)));
    }
  for (int k = 1; k < 8; ++k)
    sum[0] = _mm256_xor_si256(sum[0], sum[k]);
  alignas(32) uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i *>(lanes), sum[0]);
  return lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3];
}

/// Twelve independent accumulators hide the latency of the dot product.
constexpr uint64_t kChains = 12;

__attribute__((target("avx512f,avx512vnni"))) void dotVnni(uint64_t rounds) {
  asm volatile("1:\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm0\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm1\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm2\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm3\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm4\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm5\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm6\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm7\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm8\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm9\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm10\n\t"
               "vpdpbusd %%zmm30, %%zmm31, %%zmm11\n\t"
               "dec %0\n\t"
               "jnz 1b\n\t"
               : "+r"(rounds)
               :
               : "cc", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8",
                 "zmm9", "zmm10", "zmm11");
}

__attribute__((target("avx2"))) void dotAvx2(uint64_t rounds) {
  asm volatile("1:\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm0\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm1\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm2\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm3\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm4\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm5\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm6\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm7\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm8\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm9\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm10\n\t"
               "vpmaddubsw %%ymm14, %%ymm15, %%ymm11\n\t"
               "dec %0\n\t"
               "jnz 1b\n\t"
               : "+r"(rounds)
               :
               : "cc", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8",
                 "ymm9", "ymm10", "ymm11");
}

bool usesVnni(std::string_view level) {
  return level != levelName(CpuLevel::V3) && CpuFeatures::host().has(CpuFeature::Avx512vnni);
}

} // namespace

const char *intPeakName(std::string_view level) {
  return usesVnni(level) ? "vpdpbusd" : "vpmaddubsw";
}

Result<Walls> Walls::create(ThreadTeam &team, uint64_t bufferBytes) {
  // Equal shares that are multiples of the widest stride.
  const uint64_t stride = uint64_t(512) * team.size();
  INGOT_ASSIGN(AnonymousMemory buffer,
               AnonymousMemory::allocate((bufferBytes + stride - 1) / stride * stride));
  uint8_t *data = buffer.data();
  const uint64_t share = buffer.size() / team.size();
  team.run([&](uint32_t member) {
    for (uint64_t i = 0; i < share; i += 64)
      data[member * share + i] = static_cast<uint8_t>(i >> 6);
  });
  return Walls(team, std::move(buffer));
}

double Walls::readBandwidth() {
  // How far ahead lines are best asked for differs between machines; the wall is the best seen.
  constexpr uint64_t kAhead[] = {0, 1024, 4096, 0, 1024, 4096};
  const bool wide = CpuFeatures::host().has(CpuFeature::Avx512f);
  const uint64_t share = buffer_.size() / team_->size() / 512 * 512;
  std::atomic<uint64_t> sink{0};
  double best = 0;
  for (const uint64_t ahead : kAhead) {
    const Clock::time_point start = Clock::now();
    team_->run([&](uint32_t member) {
      const uint8_t *data = buffer_.data() + member * share;
      sink ^= wide ? readAvx512(data, share, ahead) : readAvx2(data, share, ahead);
    });
    best = std::max(best, static_cast<double>(share * team_->size()) / secondsSince(start));
  }
  return best;
}

double Walls::intPeak(std::string_view level) {
  constexpr uint64_t kRounds = 2'000'000; // a few milliseconds
  const bool vnni = usesVnni(level);
  const Clock::time_point start = Clock::now();
  team_->run([&](uint32_t) { vnni ? dotVnni(kRounds) : dotAvx2(kRounds); });
  const double bytesPerDot = vnni ? 64 : 32; // one multiply-add per byte
  return 2.0 * bytesPerDot * kChains * kRounds * team_->size() / secondsSince(start);
}

} // namespace ingot::tools
