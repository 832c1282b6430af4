// The mechanics that all fusions share: moving ops into a fused region that a kernel family
// accepts.
#pragma once

#include "passes/support/FusionReport.h"

#include <string>

namespace ingot {

struct FusedRegion {
  FusedOp op;
  int64_t rowBytesSaved = 0; ///< per row, no longer written to or read from memory
};

/// Moves `ops` (of one block, any order) into a new fused op behind the last of them. Values used
/// outside become its results; values from outside its operands, in order of first use. Refuses and
/// changes nothing, with the reason, when a result is used before that point, when the region needs
/// more than `maxOperands` operands, or when no kernel family can read it.
mlir::FailureOr<FusedRegion> fuseRegion(llvm::ArrayRef<mlir::Operation *> ops, llvm::StringRef name,
                                        std::string &reason, unsigned maxOperands = ~0u);

/// The frame of a fusion that makes one region of each anchor: `fuse(anchor, reason)` gives it, or
/// fails with the reason and changes nothing.
template <typename Anchor, typename Fuse>
FusionTally runRegionFusion(mlir::ModuleOp module, llvm::StringRef name, bool enable, Fuse fuse) {
  return runFusion<Anchor>(module, name, enable, [&](Anchor anchor, FusionReport &report) {
    std::string reason;
    const mlir::Location loc = anchor.getLoc();
    const std::string label = labelOf(anchor.getOperation());
    mlir::FailureOr<FusedRegion> region = fuse(anchor, reason);
    if (succeeded(region))
      report.fired(loc, region->op.getLabel(), region->rowBytesSaved);
    else
      report.missed(loc, label, reason);
  });
}

/// Bytes that one row of a value takes in memory, without padding between rows; 0 for what is not
/// rows.
int64_t rowBytesOf(mlir::Type type);

} // namespace ingot
