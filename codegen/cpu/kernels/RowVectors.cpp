#include "codegen/cpu/kernels/RowVectors.h"

#include <numeric>

namespace ingot::cpu {

Val loadLanes(KernelBuilder &b, Val pointer, int64_t byteOffset, int64_t count) {
  if (count >= 16)
    return b.load(kF32x16, pointer, byteOffset);
  const Type narrow{Elem::F32, uint32_t(count)};
  if (count == 1) {
    const Val one = b.splat(b.load(kF32, pointer, byteOffset), 16);
    std::vector<int64_t> lanes(16, 16);
    lanes[0] = 0;
    return b.shuffle(one, b.zero(kF32x16), lanes);
  }
  std::vector<int64_t> lanes(16, count); // lane `count` is the first zero
  std::iota(lanes.begin(), lanes.begin() + count, int64_t(0));
  return b.shuffle(b.load(narrow, pointer, byteOffset), b.zero(narrow), lanes);
}

void storeLanes(KernelBuilder &b, Val vector, Val pointer, int64_t byteOffset, int64_t count) {
  if (count >= 16) {
    b.store(vector, pointer, byteOffset);
    return;
  }
  if (count == 1) {
    b.store(b.extract(vector, 0), pointer, byteOffset);
    return;
  }
  std::vector<int64_t> lanes(count);
  std::iota(lanes.begin(), lanes.end(), int64_t(0));
  b.store(b.shuffle(vector, vector, lanes), pointer, byteOffset);
}

} // namespace ingot::cpu
