// Fibers: the threads of a block on one OS thread, and who of them runs next.
#include "codegen/cuda/host/Sanitizer.h"
#include "codegen/cuda/host/State.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

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

thread_local Block *activeBlock __attribute__((tls_model("initial-exec"))) = nullptr;

/// Clears what the last thread's outermost frames left poisoned when it was switched away from for
/// good.
void clearFrames(char *stackEnd) { unpoison(stackEnd - kLeftFrames, kLeftFrames); }

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
    while (!b.lines.empty() && random(8) == 0)
      completeOne();
  while (b.ready.empty())
    if (!completeOne())
      abandon(deadlockText());
  const u32 next = b.launch.order == Order::Forward   ? b.ready.takeFront()
                   : b.launch.order == Order::Reverse ? b.ready.takeBack()
                                                      : b.ready.take(random(b.ready.size()));
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

} // namespace

Arena::Arena() {
  void *mapped = mmap(nullptr, kMaxThreads * kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  stacks = mapped == MAP_FAILED ? nullptr : static_cast<char *>(mapped);
  window = static_cast<u8 *>(std::aligned_alloc(1024, kWindowBytes));
  for (u32 i = 0; stacks && i < kMaxThreads; ++i)
    mprotect(stacks + i * kStackBytes, kGuardBytes, PROT_NONE);
}

Arena::~Arena() {
  unpoison(window, kWindowBytes);
  std::free(window);
  if (!stacks)
    return;
  for (u32 i = 0; i < kMaxThreads; ++i) // a library that is loaded there next is not watched
    clearFrames(stackEnd(i));
  munmap(stacks, kMaxThreads * kStackBytes);
}

char *Arena::stackEnd(u32 thread) const { return stacks + (thread + 1) * kStackBytes; }

void Arena::forget() { unpoison(stacks, kMaxThreads * kStackBytes); }

Block &block() { return *activeBlock; }
Thread &self() { return activeBlock->threads[activeBlock->running]; }
u32 architecture() { return activeBlock->launch.architecture; }

const TensorMaps &tensorMaps() {
  const void *maps = activeBlock->launch.maps;
  if (!maps)
    fail(Where::current(), "the kernel takes tensor maps, and the launch has none");
  checkAligned(maps, alignof(TensorMaps), "tensor maps", Where::current());
  return *static_cast<const TensorMaps *>(maps);
}

void activate(Block *next) { activeBlock = next; }

std::string hexadecimal(u32 value) {
  char text[16];
  std::snprintf(text, sizeof text, "%x", value);
  return text;
}

u32 random(u32 below) {
  Block &b = block();
  b.randomState = b.randomState * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<u32>((b.randomState >> 32) * below >> 32);
}

void startThread(Thread &thread, const Arena &arena) {
  char *const stack = arena.stacks + thread.threadIndex * kStackBytes;
  thread.stack = stack;
  clearFrames(stack + kStackBytes);
  // A frame that ingotFiberSwitch can pop: six registers, the entry, and a return address of zero.
  const size_t color = thread.threadIndex % kColors * kColorBytes;
  auto **top = reinterpret_cast<void **>(stack + kStackBytes - color - 16);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(&ingotFiberEntry);
  for (int i = 0; i < 6; ++i)
    *--top = nullptr;
  thread.stackPointer = top;
}

void runThreads() {
  Block &b = block();
  Thread &first = pickReady();
  b.running = first.threadIndex;
  currentThread = &first;
  startSwitch(&b.mainFakeStack, first.stack, kStackBytes);
  ingotFiberSwitch(&b.mainStack, first.stackPointer);
  finishSwitch(b.mainFakeStack);
  currentThread = nullptr;
}

void wake(u32 thread) { block().ready.pushBack(thread); }

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
    b.ready.pushFront(thread.threadIndex);
  else
    b.ready.pushBack(thread.threadIndex);
  suspend("a look at memory", 0, where);
}

} // namespace ingot::gpu::host
