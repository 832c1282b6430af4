// From a fused region of the dialect to the plain program that emitters read.
#pragma once

#include "codegen/KernelProgram.h"
#include "ir/IngotDialect.h"
#include "runtime/base/Status.h"

namespace ingot {

/// Values of the region with their argument slots (runtime/artifact/KernelAbi.h), and its ops
/// without their batch operands. Fails with "kernel-unreadable" on types or ops that no CPU kernel
/// holds.
Result<KernelProgram> readKernelProgram(FusedOp fused);

} // namespace ingot
