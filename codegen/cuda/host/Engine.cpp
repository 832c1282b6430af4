#include "codegen/cuda/host/Engine.h"

#include "codegen/cuda/host/Sanitizer.h"
#include "codegen/cuda/host/State.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <xmmintrin.h>

#include <sys/mman.h>

// Saves the callee-saved registers and the stack pointer in *from, continues where `to` was saved.
extern "C" void ingotFiberSwitch(void **from, void *to);
asm(R"(
.text
.p2align 4
.globl ingotFiberSwitch
.hidden ingotFiberSwitch
.type ingotFiberSwitch, @function
ingotFiberSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ingotFiberSwitch, . - ingotFiberSwitch
)");

namespace ingot::gpu::host {

constinit thread_local const ThreadContext *currentThread = nullptr;

namespace {

#ifdef INGOT_ASAN
constexpr size_t kStackBytes = 256 << 10;
#else
constexpr size_t kStackBytes = 64 << 10;
#endif
constexpr size_t kGuardBytes = 4096;
constexpr size_t kLeftFrames = 48 << 10;
/// Tops of stacks are apart by this, modulo a page: else they fall on the same lines of the cache.
constexpr size_t kColorBytes = 320, kColors = 64;
constexpr u32 kMaxThreads = 1024;

/// Stacks and shared window of an OS thread, kept from launch to launch.
struct Arena {
  char *stacks = nullptr;
  u8 *window = nullptr;

  Arena() {
    stacks = static_cast<char *>(mmap(nullptr, kMaxThreads * kStackBytes, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    window = static_cast<u8 *>(std::aligned_alloc(1024, kWindowBytes));
    for (u32 i = 0; stacks != MAP_FAILED && i < kMaxThreads; ++i)
      mprotect(stacks + i * kStackBytes, kGuardBytes, PROT_NONE);
  }
  ~Arena() {
    unpoison(window, kWindowBytes);
    std::free(window);
    munmap(stacks, kMaxThreads * kStackBytes);
  }
};

thread_local Block *activeBlock = nullptr;

void switchTo(Thread &next) {
  Block &b = block();
  Thread &from = self();
  b.running = next.threadIndex;
  currentThread = &next;
  next.waitsFor = nullptr;
  startSwitch(&from.fakeStack, next.stack, kStackBytes);
  ingotFiberSwitch(&from.stackPointer, next.stackPointer);
  finishSwitch(self().fakeStack);
}

/// Back to run(); a thread that is `done` gives up its stack.
void switchToMain(bool done) {
  Block &b = block();
  Thread &from = self();
  startSwitch(done ? nullptr : &from.fakeStack, b.mainBottom, b.mainBytes);
  ingotFiberSwitch(&from.stackPointer, b.mainStack);
  std::abort(); // nothing comes back from run()
}

void appendThreads(std::string &text, const std::vector<u32> &threads) {
  for (size_t i = 0; i < threads.size();) {
    size_t j = i;
    while (j + 1 < threads.size() && threads[j + 1] == threads[j] + 1)
      ++j;
    text += (i ? ", " : "") + std::to_string(threads[i]);
    if (j > i)
      text += "-" + std::to_string(threads[j]);
    i = j + 1;
  }
}

/// "deadlock: threads 0-31 wait for syncThreads (file:line); ..."
std::string deadlockText() {
  Block &b = block();
  std::string text = "deadlock in block (" + std::to_string(self().blockX) + ", " +
                     std::to_string(self().blockY) + "):";
  std::vector<bool> told(b.threads.size());
  for (u32 i = 0; i < b.threads.size(); ++i) {
    const Thread &first = b.threads[i];
    if (told[i] || first.done)
      continue;
    std::vector<u32> same;
    for (u32 j = i; j < b.threads.size(); ++j) {
      const Thread &other = b.threads[j];
      if (other.done || other.waitsFor != first.waitsFor || other.waitDetail != first.waitDetail ||
          other.where.line() != first.where.line())
        continue;
      same.push_back(j);
      told[j] = true;
    }
    text += " threads ";
    appendThreads(text, same);
    text += std::string(" wait for ") + first.waitsFor + " " + std::to_string(first.waitDetail) +
            " at " + first.where.file_name() + ":" + std::to_string(first.where.line()) + ";";
  }
  std::vector<u32> gone;
  for (u32 i = 0; i < b.threads.size(); ++i)
    if (b.threads[i].done)
      gone.push_back(i);
  if (!gone.empty()) {
    text += " threads ";
    appendThreads(text, gone);
    text += " have left";
  }
  return text;
}

[[noreturn]] void abandon(std::string text) {
  block().failure = std::move(text);
  switchToMain(false);
  __builtin_unreachable();
}

/// The next thread to run; completes asynchronous work when nothing else can happen.
Thread &pickReady() {
  Block &b = block();
  if (b.launch.order == Order::Random)
    while (random(8) == 0 && completeOne()) {
    }
  while (b.ready.empty())
    if (!completeOne())
      abandon(deadlockText());
  u32 next;
  if (b.launch.order == Order::Forward) {
    next = b.ready.front();
    b.ready.pop_front();
  } else {
    if (b.launch.order == Order::Random)
      std::swap(b.ready[random(b.ready.size())], b.ready.back());
    next = b.ready.back();
    b.ready.pop_back();
  }
  return b.threads[next];
}

void leave() {
  Block &b = block();
  Thread &thread = self();
  thread.done = true;
  Warp &warp = b.warps[thread.warp];
  warp.live &= ~(1u << (thread.threadIndex % kWarp));
  if (warp.arrived != 0)
    fail(warp.where,
         "%s: lanes %08x of warp %u wait here, but thread %u has left: the warp is divided",
         warp.what, warp.arrived, thread.warp, thread.threadIndex);
  checkThreadLeaves(thread);
  if (--b.live == 0)
    switchToMain(true);
  Thread &next = pickReady();
  b.running = next.threadIndex;
  currentThread = &next;
  next.waitsFor = nullptr;
  startSwitch(nullptr, next.stack, kStackBytes);
  ingotFiberSwitch(&thread.stackPointer, next.stackPointer);
}

/// First function on a fiber's stack.
extern "C" void ingotFiberEntry() {
  Block &b = block();
  finishSwitchFirst(b.mainBottom == nullptr ? &b.mainBottom : nullptr, &b.mainBytes);
  b.kernel(b.args);
  leave();
  std::abort(); // a thread that left is never run again
}

void startThread(Thread &thread, char *stack) {
  thread.stack = stack;
  // What the last thread's outermost frames left poisoned when it was switched away from for good.
  unpoison(stack + kStackBytes - kLeftFrames, kLeftFrames);
  // A frame that ingotFiberSwitch can pop: six registers, the entry, and a return address of zero.
  const size_t color = thread.threadIndex % kColors * kColorBytes;
  auto **top = reinterpret_cast<void **>(stack + kStackBytes - color - 16);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(&ingotFiberEntry);
  for (int i = 0; i < 6; ++i)
    *--top = nullptr;
  thread.stackPointer = top;
}

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
  for (Barrier &barrier : b.barriers)
    barrier = {};
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
    thread = Thread();
    static_cast<ThreadContext &>(thread) = {
        i, x, y, launch.gridX, launch.gridY, launch.threads, dynamic};
    thread.warp = i / kWarp;
    startThread(thread, arena.stacks + i * kStackBytes);
    b.ready.push_back(i);
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
  Thread &first = pickReady();
  b.running = first.threadIndex;
  currentThread = &first;
  startSwitch(&b.mainFakeStack, first.stack, kStackBytes);
  ingotFiberSwitch(&b.mainStack, first.stackPointer);
  finishSwitch(b.mainFakeStack);
  showPriorWrites();
  checkNamedBarriers();
  checkTransactions();
  checkWarpgroups();
  checkRedZones();
  if (!b.failure.empty())
    unpoison(arena.stacks, kMaxThreads * kStackBytes); // threads were abandoned anywhere
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

Block &block() { return *activeBlock; }
Thread &self() { return activeBlock->threads[activeBlock->running]; }
u32 architecture() { return activeBlock->launch.architecture; }

std::string hexadecimal(u32 value) {
  char text[16];
  std::snprintf(text, sizeof text, "%x", value);
  return text;
}

u64 random(u64 below) {
  Block &b = block();
  b.randomState = b.randomState * 6364136223846793005ull + 1442695040888963407ull;
  return (b.randomState >> 33) % below;
}

void wake(u32 thread) { block().ready.push_back(thread); }

void suspend(const char *waitsFor, u32 detail, Where where) {
  Thread &thread = self();
  thread.waitsFor = waitsFor;
  thread.waitDetail = detail;
  thread.where = where;
  Thread &next = pickReady();
  if (&next == &thread)
    thread.waitsFor = nullptr;
  else
    switchTo(next);
}

void fail(Where where, const char *format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  std::vsnprintf(text, sizeof text, format, list);
  va_end(list);
  Thread &thread = self();
  abandon(std::string(text) + " [thread " + std::to_string(thread.threadIndex) + " of block (" +
          std::to_string(thread.blockX) + ", " + std::to_string(thread.blockY) + ") at " +
          where.file_name() + ":" + std::to_string(where.line()) + "]");
}

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
  std::vector<u32> waiting;
  waiting.swap(barrier.waiting);
  std::sort(waiting.begin(), waiting.end());
  for (const u32 thread : waiting)
    wake(thread);
}

void blockBarrier(Where where) { namedBarrier(0, block().launch.threads, true, where); }

void lookAgain(Where where) {
  constexpr u32 kMostLooks = 1 << 17;
  Block &b = block();
  Thread &thread = self();
  if (++thread.looks > kMostLooks)
    fail(where, "%u looks at memory that nobody changes (blocks run one after another)",
         kMostLooks);
  if (thread.looks % 64 == 0)
    completeOne();
  // Behind all others, also where the last one in is the first to run.
  if (b.launch.order == Order::Reverse)
    b.ready.push_front(thread.threadIndex);
  else
    b.ready.push_back(thread.threadIndex);
  suspend("a look at memory", 0, where);
}

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

std::string run(KernelFn kernel, const KernelArgs &args, const Launch &launch,
                std::span<const PriorWrite> prior) {
  if (std::string error = checkLaunch(launch); !error.empty())
    return error;
  static thread_local Arena arena;
  if (arena.stacks == MAP_FAILED || arena.window == nullptr)
    return "no memory for the stacks of a block";
  Block state;
  Block *outer = activeBlock;
  const ThreadContext *outerThread = currentThread;
  activeBlock = &state;
  state.launch = launch;
  state.kernel = kernel;
  state.args = args;
  state.prior = prior;
  state.randomState = launch.seed * 0x9e3779b97f4a7c15ull + 1;
  state.threads.resize(launch.threads);
  const u32 blocks = launch.gridX * launch.gridY;
  std::vector<u32> sequence(blocks);
  for (u32 i = 0; i < blocks; ++i)
    sequence[i] = launch.order == Order::Reverse ? blocks - 1 - i : i;
  for (u32 i = blocks; launch.order == Order::Random && i > 1; --i)
    std::swap(sequence[i - 1], sequence[random(i)]);
  const u32 mode = _mm_getcsr();
  _mm_setcsr(0x1f80u | 0x8000u | 0x0040u); // round to nearest, denormals flushed and read as zero
  for (u32 i = 0; i < blocks && state.failure.empty(); ++i)
    runBlock(arena, sequence[i] % launch.gridX, sequence[i] / launch.gridX);
  _mm_setcsr(mode);
  unpoison(arena.window, kWindowBytes);
  activeBlock = outer;
  currentThread = outerThread;
  return state.failure;
}

} // namespace ingot::gpu::host
