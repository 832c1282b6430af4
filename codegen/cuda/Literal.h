// Float32 numbers in the text of kernels.
#pragma once

#include "runtime/base/Format.h"
#include "runtime/base/Numerics.h"

#include <cmath>
#include <string>

namespace ingot::cuda {

/// The very number. "inf" and "nan" are no C++, so what is not finite is written by its bits.
inline std::string literal(float value) {
  return std::isfinite(value) ? format("%af", static_cast<double>(value))
                              : format("numerics::floatOf(0x%08xu)", numerics::bitsOf(value));
}

} // namespace ingot::cuda
