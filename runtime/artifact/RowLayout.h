// The row layout: plain little-endian f32 rows, each padded with zeros to a multiple of 32 columns.
#pragma once

#include "runtime/artifact/WeightLayout.h"

#include <cstdint>
#include <span>

namespace ingot {

/// Packs f32 values [rows][columns] into `out` (layout.bytes).
void packRows(const WeightLayout &layout, std::span<const float> values, uint8_t *out);
/// Writes the `columns` values of a row.
void unpackRow(const WeightLayout &layout, const uint8_t *data, uint64_t row, float *out);

} // namespace ingot
