// Wide loads and stores, ldmatrix and asynchronous copies on the host; the contract is that of
// ptx/Memory.h. Loads and stores are plain accesses that AddressSanitizer sees.
#pragma once

namespace ingot::gpu {

namespace host {

template <typename T>
inline T loadAligned(const void *from, const char *what, Where where) {
  checkAligned(from, sizeof(T), what, where);
  return *static_cast<const T *>(from);
}
template <typename T>
inline void storeAligned(void *to, T value, const char *what, Where where) {
  checkAligned(to, sizeof(T), what, where);
  *static_cast<T *>(to) = value;
}

} // namespace host

inline uint4 load128(const void *from, Where where = Where::current()) {
  return host::loadAligned<uint4>(from, "load128", where);
}
inline uint4 load128Streaming(const void *from, Where where = Where::current()) {
  return host::loadAligned<uint4>(from, "load128Streaming", where);
}
inline uint2 load64(const void *from, Where where = Where::current()) {
  return host::loadAligned<uint2>(from, "load64", where);
}
inline u32 load32(const void *from, Where where = Where::current()) {
  return host::loadAligned<u32>(from, "load32", where);
}
inline u32 loadAcquire(const u32 *from, Where where = Where::current()) {
  host::lookAgain(where);
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}
inline void storeRelease(u32 *to, u32 value) { __atomic_store_n(to, value, __ATOMIC_RELEASE); }
inline void store128(void *to, uint4 value, Where where = Where::current()) {
  host::storeAligned(to, value, "store128", where);
}
inline void store64(void *to, uint2 value, Where where = Where::current()) {
  host::storeAligned(to, value, "store64", where);
}
inline void store32(void *to, u32 value, Where where = Where::current()) {
  host::storeAligned(to, value, "store32", where);
}

namespace host {

/// What a lane brings to ldmatrix: a row of 8 16-bit elements, and its registers.
struct MatrixLoadLane {
  const u16 *row;
  u32 *registers;
};

/// kMatrices matrices; element e of row r of matrix i is row pointer of lane 8i + r, entry e.
template <int kMatrices, bool kTransposed>
inline void loadMatrices(void *const (&lanes)[32]) {
  const auto element = [&](int matrix, int row, int column) -> u32 {
    const auto *from = static_cast<const MatrixLoadLane *>(lanes[8 * matrix + row]);
    return kTransposed ? static_cast<const MatrixLoadLane *>(lanes[8 * matrix + column])->row[row]
                       : from->row[column];
  };
  for (int lane = 0; lane < kWarp; ++lane) {
    u32 *registers = static_cast<const MatrixLoadLane *>(lanes[lane])->registers;
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < kMatrices; ++i)
      registers[i] = element(i, g, 2 * t) | element(i, g, 2 * t + 1) << 16;
  }
}

template <int kMatrices, bool kTransposed>
inline void ldmatrix(u32 *registers, const void *row, Where where) {
  if (laneId() < 8 * kMatrices)
    sharedOffset(row, 16, 16, "ldmatrix", where);
  MatrixLoadLane lane = {static_cast<const u16 *>(row), registers};
  warpCollective(loadMatrices<kMatrices, kTransposed>, &lane, "ldmatrix", where);
}

} // namespace host

inline void ldmatrix4(u32 (&r)[4], const void *row, Where where = Where::current()) {
  host::ldmatrix<4, false>(r, row, where);
}
inline void ldmatrix4Transposed(u32 (&r)[4], const void *row, Where where = Where::current()) {
  host::ldmatrix<4, true>(r, row, where);
}
inline void ldmatrix2(u32 (&r)[2], const void *row, Where where = Where::current()) {
  host::ldmatrix<2, false>(r, row, where);
}
inline void ldmatrix2Transposed(u32 (&r)[2], const void *row, Where where = Where::current()) {
  host::ldmatrix<2, true>(r, row, where);
}

inline void copyAsync16(void *shared, const void *global, Where where = Where::current()) {
  host::issueCopy(shared, global, 16, true, where);
}
inline void copyAsync16OrZero(void *shared, const void *global, bool valid,
                              Where where = Where::current()) {
  host::issueCopy(shared, global, 16, valid, where);
}
inline void copyAsync4(void *shared, const void *global, Where where = Where::current()) {
  host::issueCopy(shared, global, 4, true, where);
}
inline void copyCommit() { host::commitCopies(); }
template <int N>
inline void copyWait() {
  host::waitCopies(N);
}

} // namespace ingot::gpu
