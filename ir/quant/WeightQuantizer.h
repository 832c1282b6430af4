// Symmetric quantization of weight rows to integers or float8, groups along K. MLIR-free.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace ingot {

struct QuantizeSpec {
  int bits = 4;            ///< 4: values -7..7, 8: values -127..127
  int64_t group = 32;      ///< columns per scale, a multiple of 32; 0 = one scale per row
  bool clipSearch = false; ///< try smaller ranges and keep the one with the least squared error
  bool e4m3 = false;       ///< float8 e4m3 in place of integers; no clip search
};

/// Scales per row; the last group may be shorter than `spec.group`.
int64_t scaleGroups(const QuantizeSpec &spec, int64_t columns);

/// Quantizes `rows` rows of `columns` finite values: values [rows][columns], scales [rows][groups]
/// as f16 bits. Per group: q = clamp(rint(w / scale), -levels, levels) with scale = amax / levels
/// in float32, which is stored rounded to f16; where f16 is far off (denormals, beyond 65504) q is
/// rounded by the stored scale, and a stored 0 gives zeros. e4m3: scale = amax / 448 rounded up to
/// f16, values = the bits of w / scale (a float32 division) rounded to the nearest. Rows are
/// independent: ranges may be done by several threads, and the bits depend on neither the split nor
/// the processor.
void quantizeRows(const float *weights, int64_t rows, int64_t columns, const QuantizeSpec &spec,
                  int8_t *values, uint16_t *scales);

struct QuantizedRows {
  std::vector<int8_t> values;   ///< [rows][columns]; e4m3: bits
  std::vector<uint16_t> scales; ///< [rows][groups] f16 bits
};
QuantizedRows quantizeRows(const std::vector<float> &weights, int64_t rows, int64_t columns,
                           const QuantizeSpec &spec);

} // namespace ingot
