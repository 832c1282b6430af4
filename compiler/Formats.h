// Which formats of weights and activations go together, and on which targets.
#pragma once

#include "compiler/Compiler.h"

namespace ingot {

/// Refuses what no kernel of the chosen targets holds: ids "format-target", "format-architecture",
/// "activations-format".
Status checkFormats(const CompileOptions &options);

} // namespace ingot
