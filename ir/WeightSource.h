// Where parameters get their values from: checkpoint tensors by name. MLIR-free.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ingot {

enum class WeightType { F32, F16, BF16 };

/// A checkpoint tensor, row-major, little endian; `data` stays valid as long as its source.
struct WeightView {
  WeightType type = WeightType::F32;
  std::vector<int64_t> shape; ///< [rows, columns] or [n]
  const uint8_t *data = nullptr;
  uint64_t bytes = 0;
};

class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// The tensor of that name, or null.
  virtual const WeightView *find(std::string_view name) const = 0;
};

} // namespace ingot
