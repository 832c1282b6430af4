// Kernels run with round to nearest, denormals flushed (FTZ) and read as zero (DAZ), whatever mode
// the calling thread came with.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace ingot {

/// All exceptions masked (0x1f80), FTZ (bit 15), DAZ (bit 6), round to nearest (bits 13-14 zero).
inline constexpr uint32_t kKernelMxcsr = 0x1f80u | 0x8000u | 0x0040u;

/// Sets kKernelMxcsr for the lifetime of the object and gives the caller its mode back. Flags
/// raised inside are dropped with it.
class MxcsrGuard {
public:
  MxcsrGuard() : saved_(_mm_getcsr()) { _mm_setcsr(kKernelMxcsr); }
  ~MxcsrGuard() { _mm_setcsr(saved_); }
  MxcsrGuard(const MxcsrGuard &) = delete;
  MxcsrGuard &operator=(const MxcsrGuard &) = delete;

private:
  uint32_t saved_;
};

} // namespace ingot
