// Where a model came from, as key/value pairs without times and paths.
#pragma once

#include "models/import/Checkpoint.h"

#include <string>
#include <utility>
#include <vector>

namespace ingot {

using Provenance = std::vector<std::pair<std::string, std::string>>;

/// Hashes of the files in `directory` that made the model, the weight files (when given) and the
/// text of a licence file. Sorted by key.
Result<Provenance> readProvenance(const std::string &directory, const Checkpoint *checkpoint);

} // namespace ingot
