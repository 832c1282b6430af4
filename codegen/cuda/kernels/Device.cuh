// What a kernel may use of the machine, under one set of names with two implementations:
//   codegen/cuda/ptx/*.h   under NVRTC: PTX instructions
//   codegen/cuda/host/*.h  under any C++20 compiler: the same functions executed on the host thread
//                          by thread, bit for bit, with checks (codegen/cuda/host/Engine.h)
// Threads.h   who am I, barriers, shuffles, atomics, shared memory, dependent launches
// Memory.h    wide loads and stores, ldmatrix, cp.async
// Convert.h   bf16, fp16, fp8 and packed arithmetic
// Matrix.h    mma.sync
// Hopper.h    mbarrier, bulk and tensor copies, wgmma, register redistribution (sm_90a)
//
// A kernel is written as INGOT_KERNEL(name, threads) { body reading `args` }; it includes nothing
// but repository paths and keeps its own names in namespace ingot::gpu. Numbers come from
// runtime/base/Numerics.h, every fused multiply-add is std::fmaf, there are no float atomics.
#pragma once

#include "codegen/cuda/kernels/Types.h"
#include "runtime/base/Numerics.h"

#ifdef __CUDACC__
#include "codegen/cuda/ptx/Threads.h"
// Order matters: each uses the one before.
#include "codegen/cuda/ptx/Convert.h"
#include "codegen/cuda/ptx/Hopper.h"
#include "codegen/cuda/ptx/Matrix.h"
#include "codegen/cuda/ptx/Memory.h"
#else
#include "codegen/cuda/host/Threads.h"
// Order matters: each uses the one before.
#include "codegen/cuda/host/Convert.h"
#include "codegen/cuda/host/Hopper.h"
#include "codegen/cuda/host/Matrix.h"
#include "codegen/cuda/host/Memory.h"
#endif
