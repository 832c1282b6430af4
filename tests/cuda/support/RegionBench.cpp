#include "tests/cuda/support/RegionBench.h"

#include "codegen/cuda/EmitMatmul.h"
#include "runtime/artifact/Panel32.h"
#include "runtime/base/Mxcsr.h"

#include <random>

namespace ingot::test {

int RegionBench::bf16Input(int64_t columns, uint64_t seed) {
  const int from = input(columns, seed);
  const int v = value(ValueKind::Bf16Rows, columns, slots_);
  rows_[v] = reference::evalRound(rows(from));
  return v;
}

int RegionBench::matrix(const char *format, int64_t outputs, int64_t columns, uint32_t group,
                        uint32_t headDim) {
  const int v = value(ValueKind::Parameter, columns, slots_);
  const uint64_t shape[] = {uint64_t(outputs), uint64_t(columns)};
  const WeightLayout layout = *WeightLayout::make(format, "mma16", shape, group, headDim);
  program_.values[v].weight = layout;
  panels_ = uint32_t(layout.units);
  reference::Weight &weight = weights_[v];
  weight.rows = outputs, weight.columns = columns, weight.group = group;
  std::vector<uint8_t> &bytes = parameters_[v];
  bytes.assign(layout.bytes, 0);
  std::mt19937_64 random(uint64_t(v) + 3);
  const size_t elements = size_t(outputs * columns);
  // Rows in order for the packer; columns of K outside for the reference.
  const auto turned = [&](size_t i) { return i % columns * outputs + i / columns; };
  if (!layout.isQuantized()) {
    weight.kind = reference::WeightKind::Bf16;
    weight.floats.resize(elements);
    std::vector<uint16_t> values(elements);
    for (size_t i = 0; i < elements; ++i) {
      values[i] = numerics::toBf16(float(int(random() % 2001) - 1000) * 0x1p-10f);
      weight.floats[turned(i)] = numerics::fromBf16(values[i]);
    }
    packPanelsBf16(layout, values, 0, layout.units, bytes.data());
    return v;
  }
  weight.kind = reference::WeightKind::Int;
  weight.ints.resize(elements);
  std::vector<int8_t> values(elements);
  const int range = layout.format == WeightFormat::Int4 ? 16 : 256;
  for (size_t i = 0; i < elements; ++i)
    weight.ints[turned(i)] = values[i] = int8_t(int(random() % range) - range / 2);
  const size_t groups = layout.groups();
  std::vector<uint16_t> scales(size_t(outputs) * groups);
  weight.scales.resize(scales.size());
  for (size_t i = 0; i < scales.size(); ++i) {
    scales[i] = numerics::toF16(float(random() % 1000 + 1) * 0x1p-14f);
    weight.scales[i % groups * outputs + i / groups] = numerics::fromF16(scales[i]);
  }
  packPanels(layout, {values, scales}, 0, layout.units, bytes.data());
  return v;
}

int RegionBench::linear(int a, int weight, int64_t span) {
  MxcsrGuard mode;
  const reference::LinearOrder order{reference::LinearOrder::Kind::Mma, 16, span, matrix::kHopper};
  const int v = result(OpKind::Linear, {a, weight},
                       reference::evalLinear(rows(a), weights_.at(weight), order), true);
  op().slice = span;
  return v;
}

cuda::KernelSource RegionBench::matmulSource(uint32_t maxTokens) {
  auto made = cuda::emitMatmul(program_, name_, {maxTokens});
  if (!made.isOk()) {
    refusal = made.status();
    return {};
  }
  shape_ = made->shape;
  return std::move(*made);
}

gpu::host::Launch RegionBench::launch() const {
  gpu::host::Launch launch;
  launch.gridX =
      (panels_ * shape_->blocksPerItem + shape_->itemsPerBlock - 1) / shape_->itemsPerBlock;
  if (shape_->tokensPerBlock) // one more than the step needs
    launch.gridY = uint32_t(batch_.tokens()) / shape_->tokensPerBlock + 2;
  launch.threads = shape_->threads, launch.sharedBytes = shape_->dynamicSharedBytes;
  launch.architecture = 90;
  return launch;
}

} // namespace ingot::test
