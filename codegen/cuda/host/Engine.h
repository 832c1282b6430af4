// Host execution of kernels: what the host half of Device.cuh calls, and how a kernel is run.
//
// Every thread of a block is a fiber; the fibers of a block share one OS thread, blocks run one
// after another, launches of different OS threads are independent. A fiber runs until it waits
// (warp collective, barrier, mbarrier, wait for asynchronous work); the launch's Order says who is
// next. Floating point runs with denormals flushed, as kernels are compiled.
//
// Shared memory is one window of 256 KiB: dynamic memory first, then each INGOT_SHARED, every piece
// filled with 0xff (NaN) at the start of a block and followed by a red zone (poisoned under
// AddressSanitizer, else checked when the block ends).
//
// What is found, beside what AddressSanitizer reports: collectives that lanes of a warp do not
// reach together, deadlock (with where every thread waits), unaligned or out-of-window addresses of
// instructions, misused barriers, copies that nobody waited for, barriers that are left in the
// middle of a phase. The destination of an asynchronous copy holds NaN from the issue until it
// completes, accumulators of wgmma from the issue until the wait.
#pragma once

#include "codegen/cuda/host/Launch.h"
#include "codegen/cuda/kernels/Types.h"

#include <source_location>

namespace ingot::gpu::host {

using Where = std::source_location;

/// The part of a thread that kernels read.
struct ThreadContext {
  u32 threadIndex = 0;
  u32 blockX = 0, blockY = 0;
  u32 gridX = 1, gridY = 1, blockThreads = 1;
  u8 *dynamicShared = nullptr;
};

/// The running thread.
extern constinit thread_local const ThreadContext *currentThread
    __attribute__((tls_model("initial-exec")));

/// Ends the launch with a message (printf form); the thread never runs again.
[[noreturn]] void fail(Where where, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// What a warp does when its last lane arrives; entry i is what lane i brought.
using WarpAction = void (*)(void *const (&lanes)[32]);

/// All 32 lanes of the warp must come here with the same action; the last one runs it for all.
void warpCollective(WarpAction action, void *mine, const char *what, Where where);

void blockBarrier(Where where);
void namedBarrier(u32 id, u32 threads, bool wait, Where where);
void waitForPriorLaunches();
/// For loops that wait by looking: lets others run; fails when that has gone on for ever.
void lookAgain(Where where);

/// Memory of an INGOT_SHARED, one per tag and block.
void *staticShared(const void *tag, size_t bytes, const char *name);
/// Offset of `object` in the shared window; fails when [object, object + bytes) is not wholly
/// inside one allocation of it, or unaligned.
u32 sharedOffset(const void *object, size_t bytes, size_t align, const char *what, Where where);
/// Fails when `address` is not a multiple of `align`.
inline void checkAligned(const void *address, size_t align, const char *what, Where where) {
  if (reinterpret_cast<uintptr_t>(address) % align != 0)
    fail(where, "%s: address %p is not a multiple of %zu bytes", what, address, align);
}

// cp.async
void issueCopy(void *shared, const void *global, u32 bytes, bool valid, Where where);
void commitCopies();
void waitCopies(u32 youngest);

/// The tensor maps of the launch; fails when it has none.
const TensorMaps &tensorMaps();

/// SM architecture of the launch (Launch::architecture).
u32 architecture();

} // namespace ingot::gpu::host
