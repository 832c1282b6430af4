// From `ingot.param` to what ParamReader reads.
#pragma once

#include "ir/IngotDialect.h"
#include "ir/ParamReader.h"
#include "ir/quant/WeightQuantizer.h"

#include <optional>

namespace ingot {

/// Sources, shape and interleave of a parameter. Without `sources` its name is the tensor's name.
ParamSpec paramSpecOf(ParamOp param);

/// How the parameter is quantized; nothing when its elements are floats.
std::optional<QuantizeSpec> quantizeSpecOf(ParamOp param);

} // namespace ingot
