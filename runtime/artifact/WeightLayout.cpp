#include "runtime/artifact/WeightLayout.h"

#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"
#include "runtime/base/Limits.h"

#include <optional>

namespace ingot {

static constexpr const char *kFormatNames[] = {"f32", "bf16", "int8", "int4", "fp16", "fp8"};
static constexpr const char *kLayoutNames[] = {"row", "panel32", "mma16"};
/// No parameter is larger than this.
static constexpr uint64_t kMaxParamBytes = uint64_t(1) << 48;

const char *formatName(WeightFormat format) { return kFormatNames[static_cast<size_t>(format)]; }
const char *layoutName(LayoutKind kind) { return kLayoutNames[static_cast<size_t>(kind)]; }

static Status refuse(std::string why) {
  return Status(ErrorClass::Data, "weight-layout", std::move(why));
}

template <typename Enum, size_t count>
static std::optional<Enum> byName(const char *const (&names)[count], std::string_view name) {
  for (size_t i = 0; i < count; ++i)
    if (name == names[i])
      return static_cast<Enum>(i);
  return std::nullopt;
}

static Status checkOptions(const WeightLayout &layout) {
  if (layout.kind == LayoutKind::Row && layout.format != WeightFormat::F32)
    return refuse(format("layout row stores f32, not %s", formatName(layout.format)));
  if (layout.isPaneled() && layout.format == WeightFormat::F32)
    return refuse(
        format("layout %s stores matrices of 16 bits or less, not f32", layoutName(layout.kind)));
  const bool ofGpus = layout.format == WeightFormat::F16 || layout.format == WeightFormat::E4m3;
  if (layout.kind == LayoutKind::Panel32 && ofGpus)
    return refuse(format("layout panel32 stores bf16, int8 and int4, not %s; compile for cuda",
                         formatName(layout.format)));
  const uint64_t step = layout.format == WeightFormat::E4m3 ? kE4m3Group : kBlockK;
  if (layout.group % step != 0 || (layout.group != 0 && !layout.isQuantized()))
    return refuse(format("group %u: int formats take a multiple of 32, fp8 one of 128, both 0 (per "
                         "channel), others 0",
                         layout.group));
  if (layout.interleave == 0)
    return Status::ok();
  const bool heads = layout.interleave % kPanelColumns == 0;
  if ((layout.interleave != kInterleave && !heads) || !layout.isPaneled())
    return refuse(format("interleave %u: panel32 and mma16 take 0, 16 or a multiple of 32 (rows of "
                         "a head), row takes 0",
                         layout.interleave));
  if (layout.rows % (heads ? layout.interleave : 2) != 0)
    return refuse(format("interleave %u needs %s, got %llu rows together", layout.interleave,
                         heads ? "whole heads of that many rows" : "two sources of equal rows",
                         static_cast<unsigned long long>(layout.rows)));
  return Status::ok();
}

/// Sets units, unitBytes and bytes.
static Status computeSizes(WeightLayout &layout) {
  if (layout.kind == LayoutKind::Row) {
    layout.units = layout.rows;
    layout.unitBytes = layout.paddedColumns() * 4;
  } else {
    const uint64_t plain = ceilDiv(layout.rows, kPanelColumns);
    // Half panels of each source, and their number rounded up to whole 32-row steps of the output.
    const uint64_t interleaved = ceilDiv(layout.rows / 2, kPanelColumns) * 2;
    layout.units = layout.interleave == kInterleave ? interleaved : plain;
    // Scales of groups that are padding have a place in mma16 only.
    const uint64_t groups = ceilDiv(layout.blocks(), layout.blocksPerGroup());
    const uint64_t scaleBytes = layout.isQuantized() ? groups * kPanelColumns * 2 : 0;
    const uint64_t blockBytes = kPanelColumns * kBlockK * layout.bitsPerValue() / 8;
    layout.unitBytes = scaleBytes + layout.blocks() * blockBytes;
  }
  const CheckedU64 bytes = CheckedU64(layout.units) * CheckedU64(layout.unitBytes);
  if (!bytes.atMost(kMaxParamBytes))
    return refuse(format("%llu x %llu elements are more than a parameter may hold",
                         static_cast<unsigned long long>(layout.rows),
                         static_cast<unsigned long long>(layout.columns)));
  layout.bytes = bytes.valueOrMax();
  return Status::ok();
}

Result<WeightLayout> WeightLayout::make(std::string_view formatText, std::string_view layoutText,
                                        std::span<const uint64_t> shape, uint32_t group,
                                        uint32_t interleave) {
  const auto formatValue = byName<WeightFormat>(kFormatNames, formatText);
  if (!formatValue)
    return refuse(
        ingot::format("unknown format \"%.*s\"; known are f32, bf16, fp16, int8, int4 and fp8",
                      static_cast<int>(formatText.size()), formatText.data()));
  const auto kindValue = byName<LayoutKind>(kLayoutNames, layoutText);
  if (!kindValue)
    return refuse(ingot::format("unknown layout \"%.*s\"; known are row, panel32 and mma16",
                                static_cast<int>(layoutText.size()), layoutText.data()));
  if (shape.empty() || shape.size() > 2)
    return refuse(ingot::format("a shape of %zu dimensions; parameters have 1 or 2", shape.size()));
  for (uint64_t dimension : shape)
    if (dimension == 0 || dimension > limits::kDimension)
      return refuse(ingot::format("dimension %llu is outside 1..%llu",
                                  static_cast<unsigned long long>(dimension),
                                  static_cast<unsigned long long>(limits::kDimension)));
  WeightLayout layout;
  layout.format = *formatValue;
  layout.kind = *kindValue;
  layout.rows = shape.size() == 2 ? shape[0] : 1;
  layout.columns = shape.back();
  layout.group = group;
  layout.interleave = interleave;
  INGOT_TRY(checkOptions(layout));
  INGOT_TRY(computeSizes(layout));
  return layout;
}

int64_t WeightLayout::rowAt(uint64_t panel, uint64_t column) const {
  if (interleave == 0) {
    const uint64_t row = panel * kPanelColumns + column;
    return row < rows ? static_cast<int64_t>(row) : -1;
  }
  const uint64_t block = interleavedRows(), half = block / 2;
  const uint64_t panels = (half + kInterleave - 1) / kInterleave; // of a block
  const uint64_t first = interleave == kInterleave ? 0 : panel / panels * block;
  const uint64_t row =
      (interleave == kInterleave ? panel : panel % panels) * kInterleave + column % kInterleave;
  if (row >= half || first >= rows)
    return -1;
  return static_cast<int64_t>(first + (column < kInterleave ? row : half + row));
}

uint64_t WeightLayout::slotOfRow(uint64_t row) const {
  if (interleave == 0)
    return row;
  const uint64_t block = interleavedRows(), half = block / 2;
  const bool second = row % block >= half;
  const uint64_t within = row % block - (second ? half : 0);
  return row / block * block + within / kInterleave * kPanelColumns + (second ? kInterleave : 0) +
         within % kInterleave;
}

} // namespace ingot
