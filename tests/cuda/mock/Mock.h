// A CUDA driver without a GPU: a shared object with the driver's C interface, loaded through
// INGOT_CUDA_DRIVER. It records calls, keeps device memory where the host's code cannot touch it by
// mistake, runs every stream as late as it may, executes host-built kernels
// (codegen/cuda/HostCompiler.h) when a graph runs, and fails where it is told to.
//
// This header is its control panel; MockPanel finds it in the loaded object. Programs are told by
// the environment instead:
//   INGOT_MOCK="capability=9.0 driver=12040 gpus=2 memory=1000000 name=GPU fail=cuMemAlloc:3:2"
#pragma once

#include <cstddef>
#include <cstdint>

namespace ingot::mock {

/// The machine that the driver pretends to serve.
struct Machine {
  int capabilityMajor = 0, capabilityMinor = 0; ///< 0.x: kernels are host code and are
                                                ///< executed
  int driverVersion = 13000;
  int gpus = 1;
  int multiprocessors = 4;
  uint64_t memoryBytes = uint64_t(1) << 32;
  char name[64] = "Mock GPU";
  bool guarded = true;        ///< device memory is closed while nothing runs, which costs time
  uint32_t architecture = 90; ///< of the host-built kernels' matrix unit
  uint32_t order = 0;         ///< gpu::host::Order
  uint64_t seed = 1;
  char missing[64] = ""; ///< a function that this driver does not have
};

// Exported with C linkage.
using SetMachine = void (*)(const Machine *machine); ///< and forgets faults, records, a lost GPU
/// The `nth` next call of the function (1 = the very next) returns `code`; with `late` the call
/// works, but its stream fails when it gets there.
using Fail = void (*)(const char *function, int nth, int code, int late);
using Text = const char *(*)();
using Count = uint64_t (*)();

inline constexpr char kSetMachine[] = "ingot_mock_set_machine", kFail[] = "ingot_mock_fail",
                      kCalls[] = "ingot_mock_calls", ///< Text: a line per call
    kGraphs[] = "ingot_mock_graphs",                 ///< Text: a line per node, edge and run
    kViolations[] = "ingot_mock_violations",         ///< Text: misuse of the interface
    kLive[] = "ingot_mock_live",                     ///< Count: objects not yet destroyed
    kNanoseconds[] = "ingot_mock_nanoseconds";       ///< Count: inside the driver's functions

} // namespace ingot::mock
