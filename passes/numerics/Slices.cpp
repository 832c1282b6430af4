#include "passes/numerics/Slices.h"

#include <algorithm>

using namespace mlir;

namespace ingot {

/// Slices let several warps share an output where its rows alone would leave multiprocessors idle:
/// as many, up to `most`, as give kWarps strips of 16 rows, none shorter than kShortest.
static int64_t sliceFor(LinearOp linear, int64_t most) {
  constexpr int64_t kWarps = 1024, kShortest = 256, kAlign = 64;
  auto weight = cast<RankedTensorType>(linear.getWeight().getType());
  const int64_t strips = (weight.getDimSize(0) + 15) / 16, k = weight.getDimSize(1);
  int64_t align = kAlign;
  if (auto quantized = dyn_cast<QWeightType>(weight.getElementType()))
    align = std::max(kAlign, quantized.getGroup()); // slices hold whole groups
  if (align % kAlign != 0)
    return 0;
  int64_t slices = 1;
  while (slices < most && strips * slices < kWarps && k / (slices * 2) >= kShortest)
    slices *= 2;
  if (slices == 1)
    return 0;
  const int64_t length = (k + slices - 1) / slices;
  return (length + align - 1) / align * align;
}

int64_t sliceOf(LinearOp linear) { return sliceFor(linear, 8); }

/// Up to 16 tokens slices are warps of one block, of which there are at most 16. Above, a block
/// walks all of K: its slices would only be sums more to keep and to add. From 4,096 outputs on
/// (128 panels) every multiprocessor has a block even so.
int64_t sliceOf(LinearOp linear, int64_t maxTokens) {
  constexpr int64_t kFewTokens = 16, kWarpsOfBlock = 16;
  return maxTokens >= 1 && maxTokens <= kFewTokens ? sliceFor(linear, kWarpsOfBlock) : 0;
}

} // namespace ingot
