// The one name of a kernel: equal regions get equal names, so that identical layers share code.
#pragma once

#include "ir/IngotDialect.h"

#include <string>

namespace ingot {

/// What a kernel is compiled from, canonical: kernelSpecText and the variant.
std::string kernelSource(FusedOp fused);

/// "<fusion>_<variant>_<16 hex digits of hash64(kernelSource)>", a valid symbol.
std::string kernelName(FusedOp fused);

} // namespace ingot
