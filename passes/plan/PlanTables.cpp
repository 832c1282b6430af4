#include "passes/plan/PlanTables.h"

#include "passes/plan/KernelName.h"
#include "passes/support/Program.h"
#include "runtime/artifact/WeightLayout.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

using namespace mlir;

namespace ingot {

/// Storage of an element type; vectors are f32 rows whatever the checkpoint holds.
static void setFormat(artifact::Param &param, RankedTensorType type, CodeTarget target) {
  if (type.getRank() == 1) {
    param.format = "f32";
    param.layout = "row";
    return;
  }
  param.layout = target == CodeTarget::Cuda ? "mma16" : "panel32";
  param.format = storageFormat(type.getElementType()).str();
  if (auto weight = dyn_cast<QWeightType>(type.getElementType()))
    param.group = static_cast<uint32_t>(weight.getGroup());
}

Result<artifact::Param> describeParam(ParamOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  artifact::Param param;
  param.name = op.getName().str();
  if (type.getRank() == 2 && storageFormat(type.getElementType()).empty())
    return Status(ErrorClass::Config, "plan-program",
                  format("parameter %s is a matrix of float32; run ingot-quantize-weights",
                         param.name.c_str()));
  param.shape.assign(type.getShape().begin(), type.getShape().end());
  setFormat(param, type, targetOf(op));
  param.interleave =
      static_cast<uint32_t>(op.getRotaryPairs().value_or(op.getInterleave().value_or(0)));
  uint64_t row = 0;
  if (auto sources = op.getSources())
    for (auto source : sources->getAsRange<SourceAttr>()) {
      param.sources.push_back(
          {source.getTensor().str(), row, static_cast<uint64_t>(source.getRows())});
      row += static_cast<uint64_t>(source.getRows());
    }
  INGOT_ASSIGN(
      const WeightLayout layout,
      WeightLayout::make(param.format, param.layout, param.shape, param.group, param.interleave));
  param.data.bytes = layout.bytes;
  return param;
}

Result<uint32_t> PlanTables::param(ParamOp op) {
  auto [entry, added] = params_.try_emplace(op.getName(), result_.params.size());
  if (!added) {
    ParamOp known = result_.paramOps[entry->second];
    if (known.getType() != op.getType() || known.getSourcesAttr() != op.getSourcesAttr() ||
        known.getInterleaveAttr() != op.getInterleaveAttr() ||
        known.getRotaryPairsAttr() != op.getRotaryPairsAttr())
      return Status(ErrorClass::Config, "plan-program",
                    format("parameter %s is declared twice with different types or sources",
                           op.getName().str().c_str()));
    return entry->second;
  }
  INGOT_ASSIGN(artifact::Param param, describeParam(op));
  result_.params.push_back(std::move(param));
  result_.paramOps.push_back(op);
  return entry->second;
}

uint32_t PlanTables::kernel(FusedOp fused, const char *family) {
  const std::string name = kernelName(fused);
  auto [entry, added] = kernels_.try_emplace(name, result_.kernels.size());
  if (added) {
    artifact::Kernel kernel;
    kernel.name = name;
    kernel.family = family;
    kernel.spec = kernelSource(fused);
    kernel.signature = hash64(kernel.spec);
    result_.kernels.push_back(std::move(kernel));
    result_.kernelOps.push_back(fused);
  }
  return entry->second;
}

uint32_t PlanTables::buffer(const artifact::Buffer &buffer) {
  const std::string key =
      format("%s|%s|%s|%llu", buffer.name.c_str(), nameOf(buffer.kind), nameOf(buffer.rows),
             static_cast<unsigned long long>(buffer.rowBytes));
  auto [entry, added] = buffers_.try_emplace(key, result_.plan.buffers.size());
  if (added)
    result_.plan.buffers.push_back(buffer);
  return entry->second;
}

} // namespace ingot
