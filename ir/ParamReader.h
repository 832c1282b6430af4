// The values of a parameter, assembled from the checkpoint tensors behind it. MLIR-free: the packer
// and the reference evaluator read the same rows through it.
#pragma once

#include "ir/WeightSource.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot {

/// Leading rows of one checkpoint tensor; the tensor must have exactly these.
struct ParamSource {
  std::string tensor;
  int64_t rows = 0;
};

/// What a parameter is made of (ir/ParamSpec.h reads it from an `ingot.param`).
struct ParamSpec {
  std::string name;
  std::vector<ParamSource> sources;
  int64_t rows = 0;
  int64_t columns = 1;
  bool isVector = false; ///< sources have shape [rows] instead of [rows, columns]
  /// n > 0: n rows of the first source, n of the second, and so on. Set it to 0 to read the rows
  /// source by source, in the order that WeightLayout::rowAt counts them.
  int64_t interleave = 0;
};

class ParamReader {
public:
  /// Checks that every source is there with the right shape. `weights` must outlive the reader.
  static Result<ParamReader> open(const WeightSource &weights, ParamSpec spec);

  const ParamSpec &spec() const { return spec_; }
  /// Writes logical rows [first, first + count) as float32, `columns` values each. Fails with
  /// "weight-not-finite" when one of them is NaN or infinite. Safe to call from several threads.
  Status readRows(int64_t first, int64_t count, float *out) const;

private:
  struct Place {
    size_t source;
    int64_t row;
  };
  Place placeOf(int64_t row) const;
  Status notFinite(size_t source) const;

  ParamSpec spec_;
  std::vector<const WeightView *> views_; ///< one per source
};

/// Widens `count` elements of `view` from element `first` on to float32.
void widen(const WeightView &view, int64_t first, int64_t count, float *out);

} // namespace ingot
