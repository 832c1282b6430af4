// The state of host execution: the threads, warps and shared memory of the running block.
// Private to codegen/cuda/host/*.cpp.
#pragma once

#include "codegen/cuda/host/Run.h"

#include <memory>
#include <vector>

namespace ingot::gpu::host {

/// Size of the shared window, that of an 18-bit shared address.
inline constexpr u32 kWindowBytes = 256 << 10;
/// Where dynamic shared memory starts in it; what is before is red.
inline constexpr u32 kDynamicStart = 1024;
inline constexpr u32 kMaxThreads = 1024;
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
  u32 looks = 0;                 ///< lookAgain() so far
  u32 uncommitted = 0;           ///< copies since the last commit
};

/// Accumulators of wgmma while the matrix unit has them: d[i] are the registers of lane i, `tile`
/// is [16 rows][2 * registers columns].
struct Accumulators {
  float *d[32];
  u32 registers;
  std::vector<float> tile;
};

struct WgmmaOp {
  WgmmaLane lane; ///< of lane 0
  const float *d; ///< which accumulators: their registers in lane 0
  u32 a[32][4];   ///< fragments, where A comes from registers
};

struct Warp {
  u32 arrived = 0, live = 0;
  WarpAction action = nullptr;
  const char *what = nullptr;
  Where where;
  void *lanes[32] = {};

  std::vector<Accumulators> accumulators;
  std::vector<WgmmaOp> wgmmas;  ///< not yet waited for, oldest first
  std::vector<u32> wgmmaGroups; ///< sizes of the committed groups, oldest first
  u32 executed = 0;             ///< of `wgmmas`, from the oldest
  bool fenced = false;          ///< wgmmaFence since the last commit
  u64 wgmmaHash = 0;
  u32 registers = 0; ///< setmaxnreg; 0: as launched
};

/// mbarrier.
struct BarrierState {
  SharedBarrier *barrier;
  u32 count, pending; ///< arrivals of a phase, missing ones
  i32 bytes;          ///< transaction count: expected less completed
  u32 phase;
  std::vector<u32> waiting;
  Where where;
  u32 owner;   ///< the thread that initialized it
  bool fenced; ///< fenceBarrierInit since: copies may use it
};

/// Up to 128 bytes of a bulk copy that are under way.
struct Line {
  SharedBarrier *barrier;
  u32 bytes;
  u32 offsets[8]; ///< in the window, of each 16-byte chunk
  u8 data[128];
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

/// The threads that may run, in an order; each at most once.
class ReadyThreads {
public:
  void clear() { first_ = count_ = 0; }
  bool empty() const { return count_ == 0; }
  u32 size() const { return count_; }
  u32 &operator[](u32 i) { return slots_[(first_ + i) % kMaxThreads]; }
  void pushBack(u32 thread) { (*this)[count_++] = thread; }
  void pushFront(u32 thread) {
    first_ = (first_ + kMaxThreads - 1) % kMaxThreads;
    ++count_;
    (*this)[0] = thread;
  }
  u32 takeFront() {
    const u32 thread = (*this)[0];
    first_ = (first_ + 1) % kMaxThreads;
    --count_;
    return thread;
  }
  u32 takeBack() { return (*this)[--count_]; }
  /// Any one; the last takes its place.
  u32 take(u32 index) {
    const u32 thread = (*this)[index];
    const u32 last = takeBack();
    if (index < count_)
      (*this)[index] = last;
    return thread;
  }

private:
  u32 first_ = 0, count_ = 0;
  u32 slots_[kMaxThreads];
};

struct Block {
  Launch launch;
  KernelFn kernel = nullptr;
  KernelArgs args = {};
  std::span<const PriorWrite> prior;

  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Barrier barriers[16];
  std::vector<BarrierState> sharedBarriers;
  std::vector<Line> lines;
  /// 16-byte chunks of the window that a bulk copy wrote, and whether any thread has fenced its own
  /// writes for asynchronous readers: see fenceAsync().
  std::vector<bool> copied;
  bool asyncFenced = false;
  std::vector<SharedPiece> pieces;
  u8 *window = nullptr;
  u32 windowUsed = 0;

  ReadyThreads ready;
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

/// Stacks and shared window of an OS thread, kept from launch to launch.
struct Arena {
  char *stacks = nullptr;
  u8 *window = nullptr;

  Arena();
  ~Arena();
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  /// After threads were abandoned in the middle: nothing on the stacks is poisoned any more.
  void forget();
  char *stackEnd(u32 thread) const;
};

/// The block that this OS thread executes.
Block &block();
void activate(Block *next);
Thread &self();
void startThread(Thread &thread, const Arena &arena);
/// Runs the ready threads until all have left, or one has failed.
void runThreads();
u32 offsetOf(const void *object);

/// A number below `below`, of the launch's seed.
u32 random(u32 below);
/// Puts a waiting thread among the ready ones.
void wake(u32 thread);
/// Runs others until this thread is woken.
void suspend(const char *waitsFor, u32 detail, Where where);

/// Completes one line of a bulk copy, if there is any.
bool completeOne();

// At the end: what was begun and not finished is a failure.
void checkThreadLeaves(Thread &thread);
void checkTransactions();
void checkWarpgroups();

/// The tile of matrix::multiplyTile with sm_90's unit (in Arithmetic.cpp, where it is fast).
void multiplyHopperTile(float (&d)[16][8], const u16 (&a)[16][16], const u16 (&b)[8][16],
                        bool half);

std::string hexadecimal(u32 value);

} // namespace ingot::gpu::host
