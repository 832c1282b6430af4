// Quantizes and packs parameters panel by panel on their way into the artifact, so that memory
// stays bounded by a few panels whatever the size of the model.
#pragma once

#include "ir/ParamReader.h"
#include "ir/quant/WeightQuantizer.h"
#include "runtime/artifact/WeightLayout.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace ingot {

/// One parameter to pack.
struct PackJob {
  ParamSpec spec;
  std::optional<QuantizeSpec> quantize; ///< int formats
  WeightLayout layout;
};

/// Produces the packed bytes of `job` in order: `threads` workers pack pieces of about 2 M values
/// while the caller's thread hands finished ones to `sink`. Memory is bounded by 2 * threads
/// pieces; bytes depend on neither the thread count nor the piece size.
Status packParam(const WeightSource &weights, const PackJob &job, unsigned threads,
                 const std::function<Status(std::span<const uint8_t>)> &sink);

} // namespace ingot
