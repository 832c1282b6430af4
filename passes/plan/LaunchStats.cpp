// --ingot-launch-stats: see Passes.td.
#include "passes/plan/LaunchStats.h"

#include "passes/Passes.h"
#include "passes/plan/PlanTables.h"
#include "passes/support/FuseRegion.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "ingot-launch-stats"

namespace ingot {
#define GEN_PASS_DEF_LAUNCHSTATSPASS
#include "passes/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Layers of the caches that the entry takes.
int64_t layersOf(func::FuncOp entry) {
  int64_t layers = 0;
  for (Type type : entry.getArgumentTypes())
    if (auto kv = dyn_cast<KvType>(type))
      layers += kv.getLayers();
  return layers;
}

/// True when the launch reads a whole weight: a table it only looks rows up in does not count.
bool readsWeight(Operation *op, Value weight) {
  if (auto fused = dyn_cast<FusedOp>(op)) {
    for (auto [operand, argument] : llvm::zip(fused.getInputs(), fused.getBody().getArguments()))
      if (operand == weight && llvm::any_of(argument.getUsers(), llvm::IsaPred<EmbedOp>))
        return false;
    return true;
  }
  return !isa<EmbedOp>(op);
}

uint64_t packedBytes(ParamOp param) {
  Result<artifact::Param> row = describeParam(param);
  return row.isOk() ? row->data.bytes : 0;
}

void addLaunch(Operation *op, LaunchStats &stats) {
  ++stats.launches;
  for (Value operand : op->getOperands()) {
    if (auto param = operand.getDefiningOp<ParamOp>())
      stats.weightBytes += readsWeight(op, operand) ? packedBytes(param) : 0;
    else
      stats.rowBytes += static_cast<uint64_t>(rowBytesOf(operand.getType()));
  }
  for (Value result : op->getResults())
    stats.rowBytes += static_cast<uint64_t>(rowBytesOf(result.getType()));
}

struct LaunchStatsPass : public ingot::impl::LaunchStatsPassBase<LaunchStatsPass> {
  using LaunchStatsPassBase::LaunchStatsPassBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> entries = entriesOf(getOperation());
    if (entries.empty())
      return;
    const LaunchStats stats = computeLaunchStats(entries.front());
    Builder builder(&getContext());
    NamedAttrList rows(getOperation()->getAttrOfType<DictionaryAttr>(kLaunchStatsAttr));
    rows.set(stage,
             builder.getDictionaryAttr({
                 builder.getNamedAttr("launches", builder.getI64IntegerAttr(stats.launches)),
                 builder.getNamedAttr("per_layer", builder.getF64FloatAttr(stats.perLayer)),
                 builder.getNamedAttr(
                     "row_bytes", builder.getI64IntegerAttr(static_cast<int64_t>(stats.rowBytes))),
                 builder.getNamedAttr("weight_bytes", builder.getI64IntegerAttr(
                                                          static_cast<int64_t>(stats.weightBytes))),
             }));
    getOperation()->setAttr(kLaunchStatsAttr, rows.getDictionary(&getContext()));
  }
};

} // namespace

LaunchStats ingot::computeLaunchStats(func::FuncOp entry) {
  LaunchStats stats;
  int64_t inLayers = 0;
  for (Operation &op : entry.getBody().front().without_terminator()) {
    if (isa<ParamOp>(op))
      continue;
    addLaunch(&op, stats);
    inLayers += layerOfLabel(labelOf(&op)).has_value();
  }
  if (const int64_t layers = layersOf(entry))
    stats.perLayer = static_cast<double>(inLayers) / static_cast<double>(layers);
  return stats;
}
