// ingot materialize: turns an artifact with generated weights into one that holds them.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>

namespace ingot::tools {

struct MaterializeOptions {
  std::string path, output;
};

/// Writes `output`; returns its size. Fails with id "materialize-nothing" when nothing is
/// generated.
Result<uint64_t> materializeCommand(const MaterializeOptions &options);

} // namespace ingot::tools
