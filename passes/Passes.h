// Every pass of Ingot: create<Name>Pass(options), registration by flag. Passes.td explains them.
#pragma once

#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <vector>

namespace ingot {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace ingot
