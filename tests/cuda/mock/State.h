// What the mock driver knows. One lock guards all of it.
#pragma once

#include "codegen/cuda/host/Launch.h"
#include "codegen/cuda/host/TensorMap.h"
#include "runtime/device/CudaDriver.h"
#include "tests/cuda/mock/Mock.h"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ingot::cuda {

struct ContextRecord {};

/// Code that was loaded. Host code stays loaded for good: the same bytes are the same object.
struct ModuleRecord {
  std::string text;                     ///< of what cannot be executed: where names are looked up
  gpu::host::LaunchFn launch = nullptr; ///< of host code
  std::map<std::string, gpu::host::KernelInfo> kernels; ///< of host code
  std::vector<std::unique_ptr<FunctionRecord>> functions;
};

struct FunctionRecord {
  ModuleRecord *module;
  std::string name;
  uint32_t dynamicShared = 48 * 1024; ///< most that a launch may ask for
};

struct StreamRecord {
  struct Operation {
    uint64_t number;
    std::function<Code()> run;
  };
  std::deque<Operation> queue;
  uint64_t added = 0, done = 0; ///< numbers of the last operations
};

struct EventRecord {
  StreamRecord *stream = nullptr;
  uint64_t number = 0; ///< operation after which the event has happened
};

struct NodeRecord {
  bool isKernel = false;
  FunctionRecord *function = nullptr;
  KernelNodeParams kernel;
  uint64_t slots[16] = {};
  gpu::TensorMaps maps = {};
  CopyParams copy;
};

struct GraphRecord {
  struct Edge {
    NodeRecord *from, *to;
    EdgeData data;
  };
  std::vector<std::unique_ptr<NodeRecord>> nodes;
  std::vector<Edge> edges;
};

/// A copy of the graph in an order that its edges allow.
struct GraphExecRecord {
  uint64_t number = 0;
  std::shared_ptr<const std::vector<NodeRecord>> nodes;
  std::vector<CopyParams> copies;             ///< of the nodes that copy, in order, as they are now
  std::map<const NodeRecord *, size_t> place; ///< in `copies`
};

} // namespace ingot::cuda

namespace ingot::mock {

using namespace cuda;

/// Device memory: a mapping of its own with unmapped pages around it, closed to the host's code
/// except while an operation runs.
struct Allocation {
  uint8_t *map;
  uint64_t mapBytes, begin, bytes;
  bool operator==(const Allocation &) const = default;
};

struct Fault {
  std::string function;
  int nth, code;
  bool late;
};

struct State {
  std::mutex mutex;
  Machine machine;
  std::vector<Fault> faults;
  std::string calls, graphs, violations;
  Code sticky = kSuccess;    ///< every call returns it
  Code lateError = kSuccess; ///< for the next operation that is added
  int contextUses = 0;
  ContextRecord context;
  std::map<uint64_t, Allocation> memory; ///< by begin
  std::map<uint64_t, uint64_t> pinned;   ///< begin to bytes
  std::map<StreamRecord *, std::unique_ptr<StreamRecord>> streams;
  std::map<EventRecord *, std::unique_ptr<EventRecord>> events;
  std::map<ModuleRecord *, std::unique_ptr<ModuleRecord>> modules;
  std::map<GraphRecord *, std::unique_ptr<GraphRecord>> graphsAlive;
  std::map<GraphExecRecord *, std::unique_ptr<GraphExecRecord>> execs;
  uint64_t execCount = 0;
  std::chrono::steady_clock::duration spent{}; ///< inside calls

  uint64_t usedBytes() const;
  uint64_t live() const;
  void violation(const std::string &what) { violations += what + "\n"; }
  bool isPinned(const void *pointer, uint64_t bytes) const;
  /// [pointer, pointer + bytes) lies inside one allocation.
  bool isDevice(uint64_t pointer, uint64_t bytes) const;
};

State &state();
/// What a lost GPU left behind: its programs could not give it back.
void forgetObjects(State &state);

// Memory.cpp
Code allocate(Pointer *pointer, size_t bytes);
Code release(Pointer pointer);
/// While it lives, the host's code may touch device memory.
class Opened {
public:
  Opened() { protect(true); }
  ~Opened() { protect(false); }

private:
  static void protect(bool open);
};

// Streams.cpp: operations run when somebody waits for them.
void add(StreamRecord &stream, std::function<Code()> run);
Code runUntil(StreamRecord &stream, uint64_t number);
Code runAll();

// TensorMaps.cpp
Code encodeTensorMap(TensorMapBytes *map, int type, uint32_t rank, uint64_t address,
                     const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                     const uint32_t *elementStrides, int swizzle);

// Modules.cpp
Code loadModule(Module *module, const void *image);
Code findFunction(Function *function, ModuleRecord &module, const char *name);
Code launchKernel(const NodeRecord &node);

// Graphs.cpp
Code checkKernelNode(const KernelNodeParams &params);
Code checkCopy(const CopyParams &params);
Code instantiate(GraphExec *exec, GraphRecord &graph, InstantiateParams &params);
/// `copies`: those of the executable graph when it was launched.
Code runGraph(uint64_t number, const std::vector<NodeRecord> &nodes,
              const std::vector<CopyParams> &copies);

} // namespace ingot::mock
