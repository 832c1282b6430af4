// What every fusion reports: remarks as it goes, and a row in the module's `ingot.fusions` at the
// end.
#pragma once

#include "passes/support/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot {

/// The row of one fusion.
struct FusionTally {
  std::string name;
  uint32_t fired = 0, missed = 0;
  std::string reason;        ///< why it missed: distinct reasons, "; " between them
  int64_t rowBytesSaved = 0; ///< per row of a step, over all places where it fired
};

class FusionReport {
public:
  /// `name` is the pass's flag without its prefix.
  FusionReport(mlir::ModuleOp module, llvm::StringRef name) : module_(module) {
    tally_.name = name.str();
  }

  /// A remark "passed" of category "fusion".
  void fired(mlir::Location loc, llvm::StringRef label, int64_t rowBytesSaved);
  /// A remark "missed" of category "fusion".
  void missed(mlir::Location loc, llvm::StringRef label, llvm::StringRef reason);
  /// The pass was switched off.
  void disabled() { tally_.reason = "disabled"; }
  /// Adds the tally to the module's row of that name, also when it is empty.
  void commit();

  const FusionTally &tally() const { return tally_; }

private:
  mlir::ModuleOp module_;
  FusionTally tally_;
};

/// The rows of `ingot.fusions`, in the order in which the fusions ran.
std::vector<FusionTally> readFusions(mlir::ModuleOp module);

/// The frame of a fusion pass: visits every op of type Anchor at model level (`visit(anchor,
/// report)` may erase the op it gets), or nothing when disabled, and commits the report.
template <typename Anchor, typename Visit>
FusionTally runFusion(mlir::ModuleOp module, llvm::StringRef name, bool enable, Visit visit) {
  FusionReport report(module, name);
  if (!enable)
    report.disabled();
  else
    for (mlir::func::FuncOp entry : functionsOf(module)) {
      auto anchors = entry.getBody().front().template getOps<Anchor>();
      for (Anchor anchor : llvm::SmallVector<Anchor>(anchors.begin(), anchors.end()))
        visit(anchor, report);
    }
  report.commit();
  return report.tally();
}

} // namespace ingot
