// Norms of a row or of its heads (Rowwise.cuh): sums by one warp in the order of Rule R.
#pragma once

#include "codegen/cuda/kernels/RowwiseValues.h"

namespace ingot::gpu {

/// Two neighbouring columns from an even one on; kWhole: both exist.
struct Pair {
  float x, y;
};
template <class Row>
inline Pair pairOf(const Row &row, u32 c) {
  return {row.one(c), row.one(c + 1)};
}
template <u32 kWidth>
inline Pair pairOf(const MemoryRow<kWidth> &row, u32 c) {
  const uint2 both = load64(row.row + c);
  return {numerics::floatOf(both.x), numerics::floatOf(both.y)};
}

/// Rule R over columns [first, first + kWidth), first even, by one warp: lane l holds the logical
/// lanes 2l and 2l + 1. Every lane gets 1 / sqrt(mean of squares + eps).
template <u32 kWidth, class Row>
inline float warpRmsScale(const Row &row, u32 first, float eps) {
  static_assert(numerics::kReduceLanes == 64);
  const u32 lane = laneId();
  float x = 0.0f, y = 0.0f;
  constexpr u32 kWhole = kWidth / 64 * 64, kAhead = 8; // loads under way
  for (u32 c = 0; c < kWhole; c += 64 * kAhead) {
    Pair p[kAhead];
    INGOT_UNROLL
    for (u32 i = 0; i < kAhead; ++i) // a column of zero changes nothing
      p[i] = c + 64 * i < kWhole ? pairOf(row, first + c + 64 * i + 2 * lane) : Pair{0.0f, 0.0f};
    INGOT_UNROLL
    for (u32 i = 0; i < kAhead; ++i) {
      x = std::fmaf(p[i].x, p[i].x, x);
      y = std::fmaf(p[i].y, p[i].y, y);
    }
  }
  if (kWhole + 2 * lane < kWidth) {
    const float last = row.one(first + kWhole + 2 * lane);
    x = std::fmaf(last, last, x);
  }
  if (kWhole + 2 * lane + 1 < kWidth) {
    const float last = row.one(first + kWhole + 2 * lane + 1);
    y = std::fmaf(last, last, y);
  }
  for (u32 mask = 16; mask > 0; mask /= 2) {
    x = x + shuffleXor(x, mask);
    y = y + shuffleXor(y, mask);
  }
  return 1.0f / std::sqrt((x + y) / static_cast<float>(kWidth) + eps);
}

/// Rule R for a layer norm: mean and 1 / sqrt(variance + eps) in every lane of a warp.
template <u32 kWidth, class Row>
inline numerics::LayerScale warpLayerScale(const Row &row, float eps) {
  const u32 lane = laneId();
  float mean = 0.0f, variance = 0.0f;
  INGOT_UNROLL
  for (u32 pass = 0; pass < 2; ++pass) {
    float x = 0.0f, y = 0.0f;
    const auto take = [&](float value, float &sum) {
      const float d = value - mean;
      sum = pass == 0 ? sum + value : std::fmaf(d, d, sum);
    };
    for (u32 c = 2 * lane; c < kWidth; c += 64) {
      take(row.one(c), x);
      if (c + 1 < kWidth)
        take(row.one(c + 1), y);
    }
    for (u32 mask = 16; mask > 0; mask /= 2) {
      x = x + shuffleXor(x, mask);
      y = y + shuffleXor(y, mask);
    }
    (pass == 0 ? mean : variance) = (x + y) / static_cast<float>(kWidth);
  }
  return {mean, 1.0f / std::sqrt(variance + eps)};
}
/// The same of the whole row; `slot`: two floats of shared memory that nothing else uses.
template <class T, class Row>
inline numerics::LayerScale rowLayerScale(const T &team, const Row &row, float eps, float *slot) {
  if constexpr (T::kWarp) {
    return warpLayerScale<Row::kColumns>(row, eps);
  } else {
    if (team.thread < 32) {
      const numerics::LayerScale scale = warpLayerScale<Row::kColumns>(row, eps);
      if (team.thread == 0)
        slot[0] = scale.mean, slot[1] = scale.scale;
    }
    team.sync();
    return {slot[0], slot[1]};
  }
}

/// Scale of the whole row; `slot`: one float of shared memory that nothing else uses.
template <class T, class Row>
inline float rowScale(const T &team, const Row &row, float eps, float *slot) {
  if constexpr (T::kWarp) {
    return warpRmsScale<Row::kColumns>(row, 0, eps);
  } else {
    if (team.thread < 32) {
      const float scale = warpRmsScale<Row::kColumns>(row, 0, eps);
      if (team.thread == 0)
        *slot = scale;
    }
    team.sync();
    return *slot;
  }
}

/// Scales of heads of kHeadDim columns into shared memory [heads].
template <u32 kHeadDim, class T, class Row>
inline const float *headScales(const T &team, const Row &row, float eps, float *scales) {
  for (u32 head = team.thread / 32; head < Row::kColumns / kHeadDim; head += T::kThreads / 32) {
    const float scale = warpRmsScale<kHeadDim>(row, head * kHeadDim, eps);
    if (laneId() == 0)
      scales[head] = scale;
  }
  team.sync();
  return scales;
}

template <class Row>
struct NormRow {
  static constexpr u32 kColumns = Row::kColumns;
  Row from;
  float scale;
  const float *gamma;
  float one(u32 c) const { return from.one(c) * scale * gamma[c]; }
  Quad quad(u32 c) const {
    Quad a = from.quad(c);
    const Quad g = quadFrom(gamma + c);
    for (u32 i = 0; i < 4; ++i)
      a.x[i] = a.x[i] * scale * g.x[i];
    return a;
  }
};
template <class Row>
inline NormRow<Row> norm(const Row &from, float scale, const float *gamma) {
  return {from, scale, gamma};
}

template <class Row>
struct LayerNormRow {
  static constexpr u32 kColumns = Row::kColumns;
  Row from;
  numerics::LayerScale scale;
  const float *gamma, *beta;
  float one(u32 c) const { return numerics::layerNormed(from.one(c), scale, gamma[c], beta[c]); }
  Quad quad(u32 c) const {
    Quad a = from.quad(c);
    const Quad g = quadFrom(gamma + c), b = quadFrom(beta + c);
    for (u32 i = 0; i < 4; ++i)
      a.x[i] = numerics::layerNormed(a.x[i], scale, g.x[i], b.x[i]);
    return a;
  }
};
template <class Row>
inline LayerNormRow<Row> layerNorm(const Row &from, const numerics::LayerScale &scale,
                                   const float *gamma, const float *beta) {
  return {from, scale, gamma, beta};
}

template <class Row, u32 kHeadDim>
struct HeadNormRow {
  static constexpr u32 kColumns = Row::kColumns;
  Row from;
  const float *scales, *gamma; ///< [heads], [kHeadDim]
  float one(u32 c) const { return from.one(c) * scales[c / kHeadDim] * gamma[c % kHeadDim]; }
  Quad quad(u32 c) const {
    if constexpr (kHeadDim % 4 != 0) {
      return quadOfOnes(*this, c);
    } else {
      Quad a = from.quad(c);
      const Quad g = quadFrom(gamma + c % kHeadDim);
      const float scale = scales[c / kHeadDim];
      for (u32 i = 0; i < 4; ++i)
        a.x[i] = a.x[i] * scale * g.x[i];
      return a;
    }
  }
};
template <u32 kHeadDim, class Row>
inline HeadNormRow<Row, kHeadDim> headNorm(const Row &from, const float *scales,
                                           const float *gamma) {
  return {from, scales, gamma};
}

} // namespace ingot::gpu
