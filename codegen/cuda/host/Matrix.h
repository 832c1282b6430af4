// mma.sync on the host: fragments as in ptx/Matrix.h, arithmetic as in runtime/base/MatrixUnit.h.
// The last lane of a warp to arrive computes the tile of all.
#pragma once

namespace ingot::gpu {

namespace host {

/// What a lane brings: its fragments. `d` is float[4] or i32[4].
struct MmaLane {
  void *d;
  const u32 *a;
  u32 b0, b1;
};

void mmaBf16Warp(void *const (&lanes)[32]);
void mmaF16Warp(void *const (&lanes)[32]);
void mmaE4m3Warp(void *const (&lanes)[32]);
void mmaS8Warp(void *const (&lanes)[32]);

} // namespace host

inline void mmaBf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1,
                    Where where = Where::current()) {
  host::MmaLane lane = {d, a, b0, b1};
  host::warpCollective(host::mmaBf16Warp, &lane, "mmaBf16", where);
}
inline void mmaF16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1,
                   Where where = Where::current()) {
  host::MmaLane lane = {d, a, b0, b1};
  host::warpCollective(host::mmaF16Warp, &lane, "mmaF16", where);
}
inline void mmaE4m3(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1,
                    Where where = Where::current()) {
  host::MmaLane lane = {d, a, b0, b1};
  host::warpCollective(host::mmaE4m3Warp, &lane, "mmaE4m3", where);
}
inline void mmaS8(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, Where where = Where::current()) {
  host::MmaLane lane = {d, a, b0, b1};
  host::warpCollective(host::mmaS8Warp, &lane, "mmaS8", where);
}

} // namespace ingot::gpu
