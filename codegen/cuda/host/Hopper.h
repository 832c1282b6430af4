// Barriers in shared memory, bulk copies and warpgroup matrix instructions on the host; the
// contract is that of ptx/Hopper.h. See Transactions.cpp and Warpgroup.cpp for when things happen.
#pragma once

#include "codegen/cuda/host/TensorMap.h"

namespace ingot::gpu {

struct SharedBarrier;

namespace host {

void initBarrier(SharedBarrier *barrier, u32 count, Where where);
void fenceBarriers();
void fenceAsync();
void arriveBarrier(SharedBarrier *barrier, u32 bytes, Where where);
bool barrierPassed(SharedBarrier *barrier, u32 parity, Where where);
void waitBarrier(SharedBarrier *barrier, u32 parity, Where where);
void issueBulkCopy(void *shared, const void *global, u32 bytes, SharedBarrier *barrier,
                   Where where);
void issueTensorCopy(void *shared, const TensorMap *map, i32 x, i32 y, SharedBarrier *barrier,
                     Where where);

/// What a lane brings to a wgmma of kRegisters accumulators.
struct WgmmaLane {
  float *d;
  u32 registers;
  const u32 *a; ///< fragments, or null: `descriptorA`
  u64 descriptorA, descriptorB;
  bool accumulate, half; ///< half: fp16, else bf16
  Where where;
};
void issueWgmma(const WgmmaLane &lane);
void fenceWgmma(Where where);
void commitWgmma(Where where);
void waitWgmma(u32 youngest, Where where);
void setRegisters(u32 count, Where where);

} // namespace host

struct SharedBarrier {
  u64 state;

  void init(u32 count, Where where = Where::current()) { host::initBarrier(this, count, where); }
  void arrive(Where where = Where::current()) { host::arriveBarrier(this, 0, where); }
  void arriveExpect(u32 bytes, Where where = Where::current()) {
    host::arriveBarrier(this, bytes, where);
  }
  bool tryWait(u32 parity, Where where = Where::current()) {
    return host::barrierPassed(this, parity, where);
  }
  void wait(u32 parity, Where where = Where::current()) { host::waitBarrier(this, parity, where); }
};

inline void fenceBarrierInit() { host::fenceBarriers(); }
inline void fenceAsyncShared() { host::fenceAsync(); }
inline void fenceTensorMap(const TensorMap *) {}
inline void prefetchTensorMap(const TensorMap &) {}

inline void copyBulk(void *shared, const void *global, u32 bytes, SharedBarrier &barrier,
                     Where where = Where::current()) {
  host::issueBulkCopy(shared, global, bytes, &barrier, where);
}
inline void copyTensor2d(void *shared, const TensorMap *map, i32 x, i32 y, SharedBarrier &barrier,
                         Where where = Where::current()) {
  host::issueTensorCopy(shared, map, x, y, &barrier, where);
}

inline u64 swizzledOperand(const void *operand, Where where = Where::current()) {
  const u64 start = (host::sharedOffset(operand, 32, 32, "operand of wgmma", where) & 0x3ffff) >> 4;
  return start | u64(1) << 16 | u64(1024 >> 4) << 32 | u64(1) << 62;
}

inline void wgmmaFence(Where where = Where::current()) { host::fenceWgmma(where); }
inline void wgmmaCommit(Where where = Where::current()) { host::commitWgmma(where); }
template <int N>
inline void wgmmaWait(Where where = Where::current()) {
  host::waitWgmma(N, where);
}

template <size_t kRegisters>
inline void wgmmaHold(float (&)[kRegisters]) {}

template <size_t kRegisters>
inline void wgmmaBf16(float (&d)[kRegisters], u64 a, u64 b, bool accumulate,
                      Where where = Where::current()) {
  host::issueWgmma({d, kRegisters, nullptr, a, b, accumulate, false, where});
}
template <size_t kRegisters>
inline void wgmmaBf16(float (&d)[kRegisters], const u32 (&a)[4], u64 b, bool accumulate,
                      Where where = Where::current()) {
  host::issueWgmma({d, kRegisters, a, 0, b, accumulate, false, where});
}
template <size_t kRegisters>
inline void wgmmaF16(float (&d)[kRegisters], u64 a, u64 b, bool accumulate,
                     Where where = Where::current()) {
  host::issueWgmma({d, kRegisters, nullptr, a, b, accumulate, true, where});
}
template <size_t kRegisters>
inline void wgmmaF16(float (&d)[kRegisters], const u32 (&a)[4], u64 b, bool accumulate,
                     Where where = Where::current()) {
  host::issueWgmma({d, kRegisters, a, 0, b, accumulate, true, where});
}

template <int N>
inline void releaseRegisters(Where where = Where::current()) {
  host::setRegisters(N, where);
}
template <int N>
inline void claimRegisters(Where where = Where::current()) {
  host::setRegisters(N, where);
}

} // namespace ingot::gpu
