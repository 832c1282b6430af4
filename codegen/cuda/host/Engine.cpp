#include "codegen/cuda/host/Engine.h"

#include "codegen/cuda/host/Sanitizer.h"
#include "codegen/cuda/host/State.h"
#include "runtime/base/Random.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <xmmintrin.h>

namespace ingot::gpu::host {

namespace {

/// Round to nearest, denormals flushed and read as zero, no traps.
constexpr u32 kKernelMode = 0x1f80u | 0x8000u | 0x0040u;

u8 *allocateShared(const void *tag, u32 bytes, const char *name) {
  Block &b = block();
  const u32 offset = b.windowUsed;
  b.windowUsed = (offset + bytes + kRedZoneBytes + 15) / 16 * 16;
  unpoison(b.window + offset, b.windowUsed - offset);
  std::memset(b.window + offset, kPoisonByte, bytes);
  std::memset(b.window + offset + bytes, kRedByte, b.windowUsed - offset - bytes);
  poison(b.window + offset + bytes, b.windowUsed - offset - bytes);
  b.pieces.push_back({tag, offset, bytes, name});
  return b.window + offset;
}

void startBlock(Arena &arena, u32 x, u32 y) {
  Block &b = block();
  const Launch &launch = b.launch;
  b.window = arena.window;
  unpoison(b.window, kWindowBytes);
  std::memset(b.window, kRedByte, kDynamicStart);
  poison(b.window, kWindowBytes);
  b.pieces.clear();
  b.windowUsed = kDynamicStart;
  u8 *dynamic = allocateShared(nullptr, launch.sharedBytes, "dynamic shared memory");
  for (Barrier &barrier : b.barriers) {
    barrier.arrived = barrier.expected = 0;
    barrier.waiting.clear();
  }
  b.sharedBarriers.clear();
  b.lines.clear();
  b.copied.assign(kWindowBytes / 16, false);
  b.asyncFenced = false;
  b.warps.assign(launch.threads / kWarp, Warp());
  for (Warp &warp : b.warps)
    warp.live = ~0u;
  b.ready.clear();
  b.live = launch.threads;
  for (u32 i = 0; i < launch.threads; ++i) {
    Thread &thread = b.threads[i];
    Thread fresh;
    fresh.copies.swap(thread.copies); // their room
    fresh.groups.swap(thread.groups);
    thread = std::move(fresh);
    thread.copies.clear();
    thread.groups.clear();
    static_cast<ThreadContext &>(thread) = {
        i, x, y, launch.gridX, launch.gridY, launch.threads, dynamic};
    thread.warp = i / kWarp;
    startThread(thread, arena);
    b.ready.pushBack(i);
  }
}

void checkNamedBarriers() {
  Block &b = block();
  for (u32 id = 0; id < 16 && b.failure.empty(); ++id)
    if (b.barriers[id].arrived != 0)
      b.failure = "barrier " + std::to_string(id) + " is left with " +
                  std::to_string(b.barriers[id].arrived) + " of " +
                  std::to_string(b.barriers[id].expected) + " threads";
}

/// The red zones are as they were (AddressSanitizer would have told already).
void checkRedZones() {
#ifndef INGOT_ASAN
  Block &b = block();
  const auto check = [&](u32 begin, u32 end, const std::string &where) {
    for (u32 at = begin; at < end && b.failure.empty(); ++at)
      if (b.window[at] != kRedByte)
        b.failure = "shared memory was written " + std::to_string(at - begin) + " bytes " + where;
  };
  check(0, kDynamicStart, "into what lies before it");
  for (size_t i = 0; i < b.pieces.size(); ++i) {
    const SharedPiece &piece = b.pieces[i];
    check(piece.offset + piece.bytes,
          i + 1 < b.pieces.size() ? b.pieces[i + 1].offset : b.windowUsed,
          std::string("beyond the end of ") + piece.name);
  }
#endif
}

void hidePriorWrites() {
  Block &b = block();
  b.priorHidden = !b.prior.empty();
  b.priorBytes.clear();
  for (const PriorWrite &write : b.prior) {
    const auto *bytes = static_cast<const u8 *>(write.address);
    b.priorBytes.emplace_back(bytes, bytes + write.bytes);
    std::memset(write.address, kPoisonByte, write.bytes);
  }
}

void showPriorWrites() {
  Block &b = block();
  for (size_t i = 0; b.priorHidden && i < b.prior.size(); ++i)
    std::memcpy(b.prior[i].address, b.priorBytes[i].data(), b.prior[i].bytes);
  b.priorHidden = false;
}

void runBlock(Arena &arena, u32 x, u32 y) {
  Block &b = block();
  startBlock(arena, x, y);
  hidePriorWrites();
  runThreads();
  showPriorWrites();
  checkNamedBarriers();
  checkTransactions();
  checkWarpgroups();
  checkRedZones();
  if (!b.failure.empty())
    arena.forget();
}

std::string checkLaunch(const Launch &launch) {
  if (launch.threads == 0 || launch.threads % kWarp != 0 || launch.threads > kMaxThreads)
    return "a block has a multiple of 32 threads up to 1024, not " + std::to_string(launch.threads);
  if (launch.sharedBytes > kMaxSharedBytes)
    return "a block has at most " + std::to_string(kMaxSharedBytes) +
           " bytes of shared memory, not " + std::to_string(launch.sharedBytes);
  return {};
}

} // namespace

void warpCollective(WarpAction action, void *mine, const char *what, Where where) {
  Block &b = block();
  Thread &thread = self();
  Warp &warp = b.warps[thread.warp];
  const u32 lane = thread.threadIndex % kWarp;
  if (warp.live != ~0u)
    fail(where, "%s: lanes %08x of warp %u have left; all 32 must take part", what, ~warp.live,
         thread.warp);
  if (warp.arrived == 0) {
    warp.action = action;
    warp.what = what;
    warp.where = where;
  } else if (warp.action != action) {
    fail(where, "%s: lanes %08x of warp %u are at %s (%s:%u) instead", what, warp.arrived,
         thread.warp, warp.what, warp.where.file_name(), warp.where.line());
  }
  warp.lanes[lane] = mine;
  warp.arrived |= 1u << lane;
  if (warp.arrived != ~0u)
    return suspend(what, thread.warp, where);
  warp.arrived = 0;
  action(warp.lanes);
  for (u32 i = 0; i < kWarp; ++i)
    if (i != lane)
      wake(thread.warp * kWarp + i);
}

void namedBarrier(u32 id, u32 threads, bool wait, Where where) {
  Block &b = block();
  if (id > 15 || threads == 0 || threads % kWarp != 0 || threads > b.launch.threads)
    fail(where, "barrier %u of %u threads: ids are 0..15, counts multiples of 32 up to the block",
         id, threads);
  Barrier &barrier = b.barriers[id];
  if (barrier.arrived != 0 && barrier.expected != threads)
    fail(where, "barrier %u: %u threads here, %u where others wait", id, threads, barrier.expected);
  barrier.expected = threads;
  if (++barrier.arrived < threads) {
    if (!wait)
      return;
    barrier.waiting.push_back(self().threadIndex);
    return suspend(id == 0 ? "syncThreads" : "named barrier", id, where);
  }
  barrier.arrived = 0;
  // In ascending order, whoever came last.
  if (b.launch.order != Order::Random)
    std::sort(barrier.waiting.begin(), barrier.waiting.end());
  for (const u32 thread : barrier.waiting)
    wake(thread);
  barrier.waiting.clear();
}

void blockBarrier(Where where) { namedBarrier(0, block().launch.threads, true, where); }

void waitForPriorLaunches() { showPriorWrites(); }

void *staticShared(const void *tag, size_t bytes, const char *name) {
  Block &b = block();
  for (const SharedPiece &piece : b.pieces)
    if (piece.tag == tag && piece.tag != nullptr)
      return b.window + piece.offset;
  u32 sum = 0;
  for (const SharedPiece &piece : b.pieces)
    sum += piece.bytes;
  if (sum + bytes > kMaxSharedBytes || b.windowUsed + bytes + kRedZoneBytes > kWindowBytes)
    fail(Where::current(), "shared memory %s of %zu bytes does not fit: %u are taken of %u", name,
         bytes, sum, kMaxSharedBytes);
  return allocateShared(tag, static_cast<u32>(bytes), name);
}

u32 offsetOf(const void *object) {
  return static_cast<u32>(static_cast<const u8 *>(object) - block().window);
}

u32 sharedOffset(const void *object, size_t bytes, size_t align, const char *what, Where where) {
  const auto *at = static_cast<const u8 *>(object);
  const Block &b = block();
  for (const SharedPiece &piece : b.pieces) {
    const u8 *begin = b.window + piece.offset;
    if (at < begin || at + bytes > begin + piece.bytes)
      continue;
    const u32 offset = offsetOf(object);
    if (offset % align != 0)
      fail(where, "%s: shared address 0x%x is not a multiple of %zu bytes", what, offset, align);
    return offset;
  }
  fail(where, "%s: %zu bytes at %p are outside of shared memory (window offset 0x%zx)", what, bytes,
       object, static_cast<size_t>(at - b.window));
}

namespace {

/// Arenas that no launch uses at the moment.
class ArenaPool {
public:
  std::unique_ptr<Arena> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty())
      return std::make_unique<Arena>();
    std::unique_ptr<Arena> arena = std::move(free_.back());
    free_.pop_back();
    return arena;
  }
  void giveBack(std::unique_ptr<Arena> arena) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(arena));
  }

private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Arena>> free_;
};

ArenaPool &arenaPool() {
  static ArenaPool pool;
  return pool;
}

/// The blocks of a launch, handed out in the order's sequence to any number of OS threads.
class Grid {
public:
  Grid(KernelFn kernel, const KernelArgs &args, const Launch &launch,
       std::span<const PriorWrite> prior)
      : kernel_(kernel), args_(args), launch_(launch), prior_(prior) {
    const u32 blocks = launch.gridX * launch.gridY;
    sequence_.resize(blocks);
    for (u32 i = 0; i < blocks; ++i)
      sequence_[i] = launch.order == Order::Reverse ? blocks - 1 - i : i;
    for (u32 i = blocks; launch.order == Order::Random && i > 1; --i)
      std::swap(sequence_[i - 1], sequence_[mix64(launch.seed ^ mix64(i)) % i]);
  }

  /// Takes and runs blocks until there are none; one OS thread's part.
  void work() {
    std::unique_ptr<Arena> arena = arenaPool().take();
    if (!arena->stacks || !arena->window)
      return stop("no memory for the stacks of a block");
    Block state;
    state.launch = launch_;
    state.kernel = kernel_;
    state.args = args_;
    state.prior = prior_;
    state.threads.resize(launch_.threads);
    activate(&state);
    const u32 mode = _mm_getcsr();
    _mm_setcsr(kKernelMode);
    for (size_t i; state.failure.empty() && (i = next_.fetch_add(1)) < sequence_.size();) {
      state.randomState = mix64(launch_.seed + sequence_[i]);
      runBlock(*arena, sequence_[i] % launch_.gridX, sequence_[i] / launch_.gridX);
    }
    _mm_setcsr(mode);
    activate(nullptr);
    unpoison(arena->window, kWindowBytes);
    arenaPool().giveBack(std::move(arena));
    if (!state.failure.empty())
      stop(state.failure);
  }

  const std::string &failure() const { return failure_; }

private:
  void stop(const std::string &failure) {
    next_ = sequence_.size();
    const std::lock_guard lock(mutex_);
    if (failure_.empty())
      failure_ = failure;
  }

  KernelFn kernel_;
  const KernelArgs &args_;
  const Launch &launch_;
  std::span<const PriorWrite> prior_;
  std::vector<u32> sequence_; ///< of blocks
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::string failure_;
};

} // namespace

std::string run(KernelFn kernel, const KernelArgs &args, const Launch &launch,
                std::span<const PriorWrite> prior) {
  if (std::string error = checkLaunch(launch); !error.empty())
    return error;
  Grid grid(kernel, args, launch, prior);
  // Memory that is hidden until waitForPrior() can be hidden from one block at a time only.
  const u32 workers = prior.empty() ? std::min(launch.workers, launch.gridX * launch.gridY) : 1;
  std::vector<std::thread> others;
  for (u32 i = 1; i < workers; ++i)
    others.emplace_back([&] { grid.work(); });
  grid.work();
  for (std::thread &other : others)
    other.join();
  return grid.failure();
}

} // namespace ingot::gpu::host
