// mbarrier, bulk copies and tensor copies. A copy is cut into lines of at most 128 bytes; each
// completes at a moment of its own (State.h, completeOne), its bytes are NaN until then.
#include "codegen/cuda/host/State.h"

#include <algorithm>

namespace ingot::gpu::host {

namespace {

/// What a barrier's own 8 bytes hold, so that writing over them is seen.
constexpr u64 kBarrierMark = 0x6261727269657200ull;
constexpr u32 kLineBytes = 128;
/// Largest transaction count (PTX ISA: 2^20 - 1).
constexpr i32 kMostBytes = (1 << 20) - 1;

BarrierState &stateOf(SharedBarrier *barrier, Where where) {
  sharedOffset(barrier, 8, 8, "mbarrier", where);
  for (BarrierState &state : block().sharedBarriers) {
    if (state.barrier != barrier)
      continue;
    if (barrier->state != kBarrierMark)
      fail(where, "mbarrier at 0x%x: its memory was written over", offsetOf(barrier));
    return state;
  }
  fail(where, "mbarrier at 0x%x was not initialized", offsetOf(barrier));
}

/// The barrier of a copy.
void checkBarrierOfCopy(SharedBarrier *barrier, Where where) {
  if (!stateOf(barrier, where).fenced)
    fail(where, "mbarrier at 0x%x: fenceBarrierInit is missing between its initialization and this",
         offsetOf(barrier));
}

/// Ends the phase when nothing is missing.
void endPhase(BarrierState &state) {
  if (state.pending != 0 || state.bytes != 0)
    return;
  state.phase ^= 1;
  state.pending = state.count;
  for (const u32 thread : state.waiting)
    wake(thread);
  state.waiting.clear();
}

/// Queues `bytes` (<= kLineBytes) for `offset` of the window; swizzled by 16-byte chunks.
void queueLine(u32 offset, const u8 *data, u32 bytes, bool swizzle, SharedBarrier *barrier) {
  Line line = {barrier, bytes, {}, {}};
  for (u32 i = 0; i < bytes / 16; ++i) {
    const u32 at = offset + 16 * i;
    line.offsets[i] = swizzle ? at ^ (at >> 7 & 7) << 4 : at;
    std::memcpy(line.data + 16 * i, data + 16 * i, 16);
    std::memset(block().window + line.offsets[i], kPoisonByte, 16);
  }
  block().lines.push_back(line);
}

} // namespace

void initBarrier(SharedBarrier *barrier, u32 count, Where where) {
  sharedOffset(barrier, 8, 8, "mbarrier", where);
  if (count == 0 || count >= 1u << 20)
    fail(where, "mbarrier of %u arrivals: 1 to 2^20 - 1 are possible", count);
  for (const BarrierState &state : block().sharedBarriers)
    if (state.barrier == barrier)
      fail(where, "mbarrier at 0x%x is initialized twice", offsetOf(barrier));
  barrier->state = kBarrierMark;
  block().sharedBarriers.push_back(
      {barrier, count, count, 0, 0, {}, where, self().threadIndex, false});
}

void fenceBarriers() {
  for (BarrierState &state : block().sharedBarriers)
    state.fenced |= state.owner == self().threadIndex;
}

void arriveBarrier(SharedBarrier *barrier, u32 bytes, Where where) {
  BarrierState &state = stateOf(barrier, where);
  if (state.pending == 0)
    fail(where, "mbarrier at 0x%x: more than its %u arrivals in one phase", offsetOf(barrier),
         state.count);
  state.bytes += static_cast<i32>(bytes);
  if (state.bytes > kMostBytes)
    fail(where, "mbarrier at 0x%x: %d bytes are expected, at most %d can be", offsetOf(barrier),
         state.bytes, kMostBytes);
  --state.pending;
  endPhase(state);
}

bool barrierPassed(SharedBarrier *barrier, u32 parity, Where where) {
  if (stateOf(barrier, where).phase != parity)
    return true;
  lookAgain(where);
  return stateOf(barrier, where).phase != parity;
}

void waitBarrier(SharedBarrier *barrier, u32 parity, Where where) {
  while (stateOf(barrier, where).phase == parity) {
    stateOf(barrier, where).waiting.push_back(self().threadIndex);
    suspend("mbarrier", offsetOf(barrier), where);
  }
}

void issueBulkCopy(void *shared, const void *global, u32 bytes, SharedBarrier *barrier,
                   Where where) {
  const u32 offset = sharedOffset(shared, bytes, 16, "bulk copy to", where);
  checkAligned(global, 16, "bulk copy from", where);
  if (bytes == 0 || bytes % 16 != 0)
    fail(where, "bulk copy of %u bytes: not a multiple of 16", bytes);
  checkBarrierOfCopy(barrier, where);
  for (u32 at = 0; at < bytes; at += kLineBytes)
    queueLine(offset + at, static_cast<const u8 *>(global) + at, std::min(kLineBytes, bytes - at),
              false, barrier);
}

void issueTensorCopy(void *shared, const TensorMap *map, i32 x, i32 y, SharedBarrier *barrier,
                     Where where) {
  checkAligned(map, 64, "tensor map", where);
  const TensorMapFields tensor = decodeTensorMap(*map);
  const u32 rowBytes = tensor.boxColumns * tensor.elementBytes;
  if (rowBytes == 0 || rowBytes % 16 != 0 || tensor.boxRows == 0 || tensor.boxRows > 256 ||
      tensor.boxColumns > 256 || (tensor.swizzle && rowBytes > kLineBytes))
    fail(where, "tensor map with a box of %u x %u elements of %u bytes", tensor.boxRows,
         tensor.boxColumns, tensor.elementBytes);
  const u32 offset = sharedOffset(shared, static_cast<size_t>(rowBytes) * tensor.boxRows, 128,
                                  "tensor copy to", where);
  checkBarrierOfCopy(barrier, where);
  std::vector<u8> row(rowBytes);
  for (u32 r = 0; r < tensor.boxRows; ++r) {
    for (u32 c = 0; c < tensor.boxColumns; ++c) {
      const i64 column = static_cast<i64>(x) + c, line = static_cast<i64>(y) + r;
      const bool inside = column >= 0 && line >= 0 && static_cast<u64>(column) < tensor.columns &&
                          static_cast<u64>(line) < tensor.rows;
      u8 *to = row.data() + c * tensor.elementBytes;
      if (inside)
        std::memcpy(to,
                    reinterpret_cast<const u8 *>(tensor.base) + line * tensor.pitchBytes +
                        column * tensor.elementBytes,
                    tensor.elementBytes);
      else
        std::memset(to, 0, tensor.elementBytes);
    }
    for (u32 at = 0; at < rowBytes; at += kLineBytes)
      queueLine(offset + r * rowBytes + at, row.data() + at, std::min(kLineBytes, rowBytes - at),
                tensor.swizzle != 0, barrier);
  }
}

bool completeOne() {
  Block &b = block();
  if (b.lines.empty())
    return false;
  size_t index = 0;
  if (b.launch.order == Order::Reverse)
    index = b.lines.size() - 1;
  else if (b.launch.order == Order::Random)
    index = random(static_cast<u32>(b.lines.size()));
  const Line line = b.lines[index];
  b.lines.erase(b.lines.begin() + static_cast<std::ptrdiff_t>(index));
  for (u32 i = 0; i < line.bytes / 16; ++i) {
    std::memcpy(b.window + line.offsets[i], line.data + 16 * i, 16);
    b.copied[line.offsets[i] / 16] = true;
  }
  for (BarrierState &state : b.sharedBarriers)
    if (state.barrier == line.barrier) {
      state.bytes -= static_cast<i32>(line.bytes);
      endPhase(state);
    }
  return true;
}

void checkTransactions() {
  Block &b = block();
  if (!b.failure.empty())
    return;
  if (!b.lines.empty())
    b.failure = "the block leaves while " + std::to_string(b.lines.size()) +
                " lines of bulk copies are under way";
  for (const BarrierState &state : b.sharedBarriers) {
    if ((state.pending == state.count && state.bytes == 0) || !b.failure.empty())
      continue;
    b.failure = "mbarrier at 0x" + hexadecimal(offsetOf(state.barrier)) + " (initialized at " +
                state.where.file_name() + ":" + std::to_string(state.where.line()) +
                ") is left in a phase with " + std::to_string(state.count - state.pending) +
                " of " + std::to_string(state.count) + " arrivals and a transaction count of " +
                std::to_string(state.bytes);
  }
}

} // namespace ingot::gpu::host
