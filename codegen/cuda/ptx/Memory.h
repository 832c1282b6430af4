// Wide loads and stores, ldmatrix and asynchronous copies under NVRTC (sm_80 and up).
// PTX ISA: "Data Movement and Conversion Instructions": ld, st, ldmatrix, cp.async.
#pragma once

namespace ingot::gpu {

__forceinline__ uint4 load128(const void *from) { return *static_cast<const uint4 *>(from); }
__forceinline__ uint2 load64(const void *from) { return *static_cast<const uint2 *>(from); }
__forceinline__ u32 load32(const void *from) { return *static_cast<const u32 *>(from); }
/// Global memory that is read once and never written during the launch: kept out of L1.
__forceinline__ uint4 load128Streaming(const void *from) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from));
  return v;
}
/// Global memory that other blocks write during the launch.
__forceinline__ u32 loadAcquire(const u32 *from) {
  u32 v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(from) : "memory");
  return v;
}
__forceinline__ void storeRelease(u32 *to, u32 value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(value) : "memory");
}
__forceinline__ void store128(void *to, uint4 value) { *static_cast<uint4 *>(to) = value; }
__forceinline__ void store64(void *to, uint2 value) { *static_cast<uint2 *>(to) = value; }
__forceinline__ void store32(void *to, u32 value) { *static_cast<u32 *>(to) = value; }

// ldmatrix: matrices of 8 rows of 8 16-bit elements. Lane 8i + j gives the address of row j of
// matrix i; lane 4g + t receives elements 2t, 2t + 1 of row g of each (transposed: rows 2t, 2t + 1
// of column g).
__forceinline__ void ldmatrix4(u32 (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row))
               : "memory");
}
__forceinline__ void ldmatrix4Transposed(u32 (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row))
               : "memory");
}
/// Two matrices: lanes 0..15 give the addresses.
__forceinline__ void ldmatrix2(u32 (&r)[2], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(sharedAddress(row))
               : "memory");
}
__forceinline__ void ldmatrix2Transposed(u32 (&r)[2], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(sharedAddress(row))
               : "memory");
}

/// 16 bytes from global to shared memory, past L1; visible to this thread after copyWait.
__forceinline__ void copyAsync16(void *shared, const void *global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(shared)), "l"(global)
               : "memory");
}
/// Zeros instead where not `valid`; `global` is not read then (it must still be an address).
__forceinline__ void copyAsync16OrZero(void *shared, const void *global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)),
               "l"(global), "r"(valid ? 16 : 0)
               : "memory");
}
/// 4 bytes, through L1.
__forceinline__ void copyAsync4(void *shared, const void *global) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(sharedAddress(shared)), "l"(global)
               : "memory");
}
/// Closes the group of this thread's copies since the last one.
__forceinline__ void copyCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits until at most the N youngest groups of this thread are under way. Other threads see the
/// bytes after a barrier.
template <int N>
__forceinline__ void copyWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

} // namespace ingot::gpu
