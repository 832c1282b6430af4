// The state of host execution: the threads, warps and shared memory of the running block.
// Private to codegen/cuda/host/*.cpp.
#pragma once

#include "codegen/cuda/host/Run.h"

#include <deque>
#include <memory>
#include <vector>

namespace ingot::gpu::host {

/// Size of the shared window, that of an 18-bit shared address.
inline constexpr u32 kWindowBytes = 256 << 10;
/// Where dynamic shared memory starts in it; what is before is red.
inline constexpr u32 kDynamicStart = 1024;
/// Shared memory that a block may have on the largest devices (sm_90, sm_100).
inline constexpr u32 kMaxSharedBytes = 227 << 10;
inline constexpr u32 kRedZoneBytes = 256;
inline constexpr int kRedByte = 0xfd;
inline constexpr int kPoisonByte = 0xff; ///< as float, bf16 or fp16: NaN

/// cp.async under way: the bytes, read at the issue, not yet written.
struct AsyncCopy {
  u8 *to;
  u8 data[16];
  u32 bytes;
  Where where;
};

struct Thread : ThreadContext {
  void *stackPointer = nullptr;
  char *stack = nullptr;
  void *fakeStack = nullptr; ///< of AddressSanitizer
  u32 warp = 0;
  bool done = false;
  const char *waitsFor = nullptr; ///< null: ready or running
  u32 waitDetail = 0;
  Where where;
  std::vector<AsyncCopy> copies; ///< all groups, oldest first
  std::vector<u32> groups;       ///< sizes of the committed groups, oldest first
  u32 uncommitted = 0;           ///< copies since the last commit
};

struct Warp {
  u32 arrived = 0, live = 0;
  WarpAction action = nullptr;
  const char *what = nullptr;
  Where where;
  void *lanes[32] = {};
};

/// bar.sync 0..15.
struct Barrier {
  u32 arrived = 0, expected = 0;
  std::vector<u32> waiting;
};

struct SharedPiece {
  const void *tag;
  u32 offset, bytes;
  const char *name;
};

struct Block {
  Launch launch;
  KernelFn kernel = nullptr;
  KernelArgs args = {};
  std::span<const PriorWrite> prior;

  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Barrier barriers[16];
  std::vector<SharedPiece> pieces;
  u8 *window = nullptr;
  u32 windowUsed = 0;

  std::deque<u32> ready;
  u32 running = 0;
  u32 live = 0;
  u64 randomState = 1;
  bool priorHidden = false;
  std::vector<std::vector<u8>> priorBytes;
  std::string failure;

  void *mainStack = nullptr; ///< stack pointer of run()
  void *mainFakeStack = nullptr;
  const void *mainBottom = nullptr;
  size_t mainBytes = 0;
};

/// The block that this OS thread executes.
Block &block();
Thread &self();
u32 offsetOf(const void *object);

u64 random(u64 below);
/// Puts a waiting thread among the ready ones.
void wake(u32 thread);
/// Runs others until this thread is woken.
void suspend(const char *waitsFor, u32 detail, Where where);

// Parts of a block's life that Asynchronous.cpp owns.
void startAsynchronous();
/// Completes one piece of asynchronous work, if there is any.
bool completeOne();
/// Fails when anything is left of `thread`, or of the block.
void checkThreadLeaves(Thread &thread);
void checkBlockLeaves();

} // namespace ingot::gpu::host
