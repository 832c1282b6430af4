// The driver's C interface, and the mock's own.
#include "tests/cuda/mock/State.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace ingot::mock {

namespace {

/// Longest record; long runs keep their beginning.
constexpr size_t kMostText = 8u << 20;

thread_local Context current = nullptr;

void copyName(char (&to)[64], const std::string &from) {
  std::memset(to, 0, sizeof to);
  std::memcpy(to, from.data(), std::min(from.size(), sizeof to - 1));
}

/// "call:nth:code", with ":late" behind it.
Fault parseFault(const std::string &text) {
  Fault fault{"", 1, kUnknown, false};
  std::istringstream in(text);
  std::string part;
  std::getline(in, fault.function, ':');
  if (std::getline(in, part, ':'))
    fault.nth = std::atoi(part.c_str());
  if (std::getline(in, part, ':'))
    fault.code = std::atoi(part.c_str());
  fault.late = static_cast<bool>(std::getline(in, part, ':'));
  return fault;
}

void applySetting(State &s, const std::string &key, const std::string &value) {
  if (key == "capability")
    std::sscanf(value.c_str(), "%d.%d", &s.machine.capabilityMajor, &s.machine.capabilityMinor);
  else if (key == "driver")
    s.machine.driverVersion = std::atoi(value.c_str());
  else if (key == "gpus")
    s.machine.gpus = std::atoi(value.c_str());
  else if (key == "multiprocessors")
    s.machine.multiprocessors = std::atoi(value.c_str());
  else if (key == "memory")
    s.machine.memoryBytes = std::strtoull(value.c_str(), nullptr, 10);
  else if (key == "arch")
    s.machine.architecture = static_cast<uint32_t>(std::atoi(value.c_str()));
  else if (key == "order")
    s.machine.order = static_cast<uint32_t>(std::atoi(value.c_str()));
  else if (key == "seed")
    s.machine.seed = std::strtoull(value.c_str(), nullptr, 10);
  else if (key == "name")
    copyName(s.machine.name, value);
  else if (key == "missing")
    copyName(s.machine.missing, value);
  else if (key == "fail")
    s.faults.push_back(parseFault(value));
}

std::unique_ptr<State> fromEnvironment() {
  auto made = std::make_unique<State>();
  const char *text = std::getenv("INGOT_MOCK");
  std::istringstream in(text ? text : "");
  for (std::string setting; in >> setting;)
    if (const size_t equals = setting.find('='); equals != std::string::npos)
      applySetting(*made, setting.substr(0, equals), setting.substr(equals + 1));
  return made;
}

void note(std::string &log, const std::string &line) {
  if (log.size() < kMostText)
    log += line + "\n";
}

/// The fault that is due at this call, or success.
Code due(State &s, const char *function) {
  for (auto fault = s.faults.begin(); fault != s.faults.end(); ++fault) {
    if (fault->function != function || --fault->nth > 0)
      continue;
    const Fault hit = *fault;
    s.faults.erase(fault);
    if (!hit.late)
      return hit.code;
    s.lateError = hit.code;
    return kSuccess;
  }
  return kSuccess;
}

/// Adds its life to a sum.
class Stopwatch {
public:
  explicit Stopwatch(std::chrono::steady_clock::duration &sum) : sum_(sum) {}
  ~Stopwatch() { sum_ += std::chrono::steady_clock::now() - begin_; }

private:
  std::chrono::steady_clock::duration &sum_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

enum Needs { Nothing, AContext };

template <typename Body>
Code call(const char *function, Needs needs, const std::string &detail, Body body) {
  State &s = state();
  const std::lock_guard lock(s.mutex);
  const Stopwatch watch(s.spent);
  note(s.calls, detail.empty() ? function : function + (" " + detail));
  if (s.sticky != kSuccess)
    return s.sticky;
  if (const Code code = due(s, function); code != kSuccess) {
    if (Driver::isSticky(code))
      s.sticky = code;
    return code;
  }
  if (needs == AContext && (!current || s.contextUses == 0))
    return 201; // CUDA_ERROR_INVALID_CONTEXT
  return body(s);
}

template <typename Map>
Code destroy(Map &objects, typename Map::key_type object) {
  return objects.erase(object) ? kSuccess : kInvalidHandle;
}

} // namespace

State &state() {
  // Never destroyed: objects of the program may outlive the mock's own statics.
  static State *const instance = fromEnvironment().release();
  return *instance;
}

} // namespace ingot::mock

using namespace ingot::mock;
using ingot::format;

extern "C" {

Code cuInit(unsigned) {
  return call("cuInit", Nothing, "", [](State &) { return kSuccess; });
}
Code cuDriverGetVersion(int *version) {
  *version = state().machine.driverVersion;
  return kSuccess;
}
Code cuGetErrorName(Code code, const char **name) {
  thread_local std::string text;
  text = "MOCK_ERROR_" + std::to_string(code);
  *name = text.c_str();
  return kSuccess;
}
Code cuGetErrorString(Code, const char **text) {
  *text = "an error of the mock";
  return kSuccess;
}
Code cuDeviceGetCount(int *count) {
  return call("cuDeviceGetCount", Nothing, "", [&](State &s) {
    *count = s.machine.gpus;
    return kSuccess;
  });
}
Code cuDeviceGet(Ordinal *device, int index) {
  return call("cuDeviceGet", Nothing, std::to_string(index), [&](State &s) {
    *device = index;
    return index >= 0 && index < s.machine.gpus ? kSuccess : kInvalidDevice;
  });
}
Code cuDeviceGetName(char *name, int bytes, Ordinal) {
  return call("cuDeviceGetName", Nothing, "", [&](State &s) {
    std::snprintf(name, static_cast<size_t>(bytes), "%s", s.machine.name);
    return kSuccess;
  });
}
Code cuDeviceGetAttribute(int *value, int attribute, Ordinal) {
  return call("cuDeviceGetAttribute", Nothing, std::to_string(attribute), [&](State &s) {
    if (attribute == kAttributeMultiprocessors)
      *value = s.machine.multiprocessors;
    else if (attribute == kAttributeMajor || attribute == kAttributeMinor)
      *value = attribute == kAttributeMajor ? s.machine.capabilityMajor : s.machine.capabilityMinor;
    else
      return kInvalidValue;
    return kSuccess;
  });
}
Code cuDeviceTotalMem_v2(size_t *bytes, Ordinal) {
  return call("cuDeviceTotalMem", Nothing, "", [&](State &s) {
    *bytes = s.machine.memoryBytes;
    return kSuccess;
  });
}
Code cuDevicePrimaryCtxRetain(Context *context, Ordinal device) {
  return call("cuDevicePrimaryCtxRetain", Nothing, std::to_string(device), [&](State &s) {
    ++s.contextUses;
    *context = &s.context;
    return kSuccess;
  });
}
Code cuDevicePrimaryCtxRelease_v2(Ordinal) {
  State &s = state();
  const std::lock_guard lock(s.mutex);
  note(s.calls, "cuDevicePrimaryCtxRelease");
  if (s.contextUses == 0)
    return kInvalidValue;
  // Nothing can be given back to a lost GPU.
  if (--s.contextUses == 0 && s.live() != 0 && s.sticky == kSuccess)
    s.violation(
        format("%llu objects outlive the context", static_cast<unsigned long long>(s.live())));
  return s.sticky;
}
Code cuCtxSetCurrent(Context context) {
  current = context;
  return state().sticky;
}
Code cuMemGetInfo_v2(size_t *free, size_t *total) {
  return call("cuMemGetInfo", AContext, "", [&](State &s) {
    *total = s.machine.memoryBytes;
    *free = *total - s.usedBytes();
    return kSuccess;
  });
}
Code cuMemAlloc_v2(Pointer *pointer, size_t bytes) {
  return call("cuMemAlloc", AContext, std::to_string(bytes),
              [&](State &) { return allocate(pointer, bytes); });
}
Code cuMemFree_v2(Pointer pointer) {
  return call("cuMemFree", AContext, "", [&](State &) { return release(pointer); });
}
Code cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  return call("cuMemHostAlloc", AContext, std::to_string(bytes), [&](State &s) -> Code {
    *pointer = std::malloc(std::max<size_t>(1, bytes));
    if (!*pointer)
      return kOutOfMemory;
    std::memset(*pointer, 0xcd, bytes);
    s.pinned.emplace(reinterpret_cast<uint64_t>(*pointer), bytes);
    return kSuccess;
  });
}
Code cuMemFreeHost(void *pointer) {
  return call("cuMemFreeHost", AContext, "", [&](State &s) -> Code {
    if (!s.pinned.erase(reinterpret_cast<uint64_t>(pointer)))
      return kInvalidValue;
    std::free(pointer);
    return kSuccess;
  });
}
Code cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, Stream stream) {
  return call("cuMemsetD8Async", AContext, std::to_string(bytes), [&](State &s) -> Code {
    if (!s.isDevice(to, bytes))
      return kInvalidValue;
    add(*stream, [=] {
      std::memset(reinterpret_cast<void *>(to), value, bytes);
      return kSuccess;
    });
    return kSuccess;
  });
}
Code cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, Stream stream) {
  return call("cuMemcpyHtoDAsync", AContext, std::to_string(bytes), [&](State &s) -> Code {
    if (!s.isDevice(to, bytes))
      return kInvalidValue;
    // Memory that is not pinned is read before the call returns.
    std::shared_ptr<std::string> kept;
    if (!s.isPinned(from, bytes))
      kept = std::make_shared<std::string>(static_cast<const char *>(from), bytes);
    add(*stream, [=] {
      std::memcpy(reinterpret_cast<void *>(to), kept ? kept->data() : from, bytes);
      return kSuccess;
    });
    return kSuccess;
  });
}
Code cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, Stream stream) {
  return call("cuMemcpyDtoHAsync", AContext, std::to_string(bytes), [&](State &s) -> Code {
    if (!s.isDevice(from, bytes))
      return kInvalidValue;
    const bool pinned = s.isPinned(to, bytes);
    add(*stream, [=] {
      std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
      return kSuccess;
    });
    return pinned ? kSuccess : runUntil(*stream, stream->added);
  });
}
Code cuStreamCreate(Stream *stream, unsigned) {
  return call("cuStreamCreate", AContext, "", [&](State &s) {
    auto made = std::make_unique<StreamRecord>();
    *stream = made.get();
    s.streams.emplace(made.get(), std::move(made));
    return kSuccess;
  });
}
Code cuStreamDestroy_v2(Stream stream) {
  return call("cuStreamDestroy", AContext, "", [&](State &s) {
    if (s.streams.count(stream))
      runUntil(*stream, stream->added);
    return destroy(s.streams, stream);
  });
}
Code cuStreamSynchronize(Stream stream) {
  return call("cuStreamSynchronize", AContext, "",
              [&](State &) { return runUntil(*stream, stream->added); });
}
Code cuEventCreate(Event *event, unsigned) {
  return call("cuEventCreate", AContext, "", [&](State &s) {
    auto made = std::make_unique<EventRecord>();
    *event = made.get();
    s.events.emplace(made.get(), std::move(made));
    return kSuccess;
  });
}
Code cuEventDestroy_v2(Event event) {
  return call("cuEventDestroy", AContext, "", [&](State &s) { return destroy(s.events, event); });
}
Code cuEventRecord(Event event, Stream stream) {
  return call("cuEventRecord", AContext, "", [&](State &) {
    *event = {stream, stream->added};
    return kSuccess;
  });
}
Code cuEventSynchronize(Event event) {
  return call("cuEventSynchronize", AContext, "", [&](State &) {
    return event->stream ? runUntil(*event->stream, event->number) : kSuccess;
  });
}
Code cuModuleLoadData(Module *module, const void *image) {
  return call("cuModuleLoadData", AContext, "", [&](State &) { return loadModule(module, image); });
}
// What the tests of kernels call (tests/cuda/support/GpuImage.cpp): at once, on ordinary memory.
Code cuMemAllocManaged(Pointer *pointer, size_t bytes, unsigned) {
  return call("cuMemAllocManaged", AContext, std::to_string(bytes), [&](State &) {
    *pointer = reinterpret_cast<Pointer>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096));
    return *pointer ? kSuccess : kOutOfMemory;
  });
}
Code cuLaunchKernel(Function function, unsigned gridX, unsigned gridY, unsigned gridZ,
                    unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream,
                    void **parameters, void **) {
  return call("cuLaunchKernel", AContext, function->name, [&](State &) -> Code {
    if (gridZ != 1 || blockY != 1 || blockZ != 1 || sharedBytes > function->dynamicShared)
      return kInvalidValue;
    NodeRecord node;
    node.function = function;
    node.kernel.gridX = gridX, node.kernel.gridY = gridY, node.kernel.blockX = blockX;
    node.kernel.sharedBytes = sharedBytes;
    std::memcpy(node.slots, parameters[0], sizeof node.slots);
    if (function->module->kernels.at(function->name).takesMaps)
      std::memcpy(&node.maps, parameters[1], sizeof node.maps);
    return launchKernel(node);
  });
}
Code cuCtxSynchronize() {
  return call("cuCtxSynchronize", AContext, "", [](State &) { return kSuccess; });
}
Code cuModuleUnload(Module module) {
  return call("cuModuleUnload", AContext, "", [&](State &s) { return destroy(s.modules, module); });
}
Code cuModuleGetFunction(Function *function, Module module, const char *name) {
  return call("cuModuleGetFunction", AContext, name,
              [&](State &) { return findFunction(function, *module, name); });
}
Code cuFuncSetAttribute(Function function, int attribute, int value) {
  return call("cuFuncSetAttribute", AContext,
              function->name + " " + std::to_string(attribute) + " " + std::to_string(value),
              [&](State &) {
                constexpr int kMostShared = 227 * 1024;
                if (attribute != kFunctionDynamicShared || value < 0 || value > kMostShared)
                  return kInvalidValue;
                function->dynamicShared = static_cast<uint32_t>(value);
                return kSuccess;
              });
}
Code cuTensorMapEncodeTiled(TensorMapBytes *map, int type, uint32_t rank, void *address,
                            const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,
                            const uint32_t *elementStrides, int interleave, int swizzle,
                            int promotion, int fill) {
  return call("cuTensorMapEncodeTiled", Nothing, std::to_string(type), [&](State &) -> Code {
    if (interleave != 0 || fill != 0 || promotion < 0 || promotion > 3)
      return kInvalidValue;
    return encodeTensorMap(map, type, rank, reinterpret_cast<uint64_t>(address), sizes, strides,
                           box, elementStrides, swizzle);
  });
}
Code cuGraphCreate(Graph *graph, unsigned) {
  return call("cuGraphCreate", AContext, "", [&](State &s) {
    auto made = std::make_unique<GraphRecord>();
    *graph = made.get();
    s.graphsAlive.emplace(made.get(), std::move(made));
    return kSuccess;
  });
}
Code cuGraphDestroy(Graph graph) {
  return call("cuGraphDestroy", AContext, "",
              [&](State &s) { return destroy(s.graphsAlive, graph); });
}
Code cuGraphAddKernelNode_v2(Node *node, Graph graph, const Node *, size_t count,
                             const KernelNodeParams *params) {
  return call("cuGraphAddKernelNode", AContext, "", [&](State &) -> Code {
    if (const Code code = checkKernelNode(*params); code != kSuccess || count != 0)
      return code != kSuccess ? code : kNotSupported;
    auto made = std::make_unique<NodeRecord>();
    made->isKernel = true;
    made->function = params->function;
    made->kernel = *params;
    std::memcpy(made->slots, params->params[0], sizeof made->slots);
    const auto &kernels = params->function->module->kernels;
    if (const auto own = kernels.find(params->function->name);
        own != kernels.end() && own->second.takesMaps)
      std::memcpy(&made->maps, params->params[1], sizeof made->maps);
    *node = made.get();
    graph->nodes.push_back(std::move(made));
    return kSuccess;
  });
}
Code cuGraphAddMemcpyNode(Node *node, Graph graph, const Node *, size_t count,
                          const CopyParams *params, Context) {
  return call("cuGraphAddMemcpyNode", AContext, "", [&](State &) -> Code {
    if (const Code code = checkCopy(*params); code != kSuccess || count != 0)
      return code != kSuccess ? code : kNotSupported;
    auto made = std::make_unique<NodeRecord>();
    made->copy = *params;
    *node = made.get();
    graph->nodes.push_back(std::move(made));
    return kSuccess;
  });
}
Code cuGraphAddDependencies_v2(Graph graph, const Node *from, const Node *to, const EdgeData *edges,
                               size_t count) {
  return call("cuGraphAddDependencies", AContext, std::to_string(count), [&](State &) {
    for (size_t i = 0; i < count; ++i)
      graph->edges.push_back({from[i], to[i], edges ? edges[i] : EdgeData()});
    return kSuccess;
  });
}
Code cuGraphAddDependencies(Graph graph, const Node *from, const Node *to, size_t count) {
  return cuGraphAddDependencies_v2(graph, from, to, nullptr, count);
}
Code cuGraphInstantiateWithParams(GraphExec *exec, Graph graph, InstantiateParams *params) {
  return call("cuGraphInstantiateWithParams", AContext, "",
              [&](State &) { return instantiate(exec, *graph, *params); });
}
Code cuGraphExecDestroy(GraphExec exec) {
  return call("cuGraphExecDestroy", AContext, "", [&](State &s) { return destroy(s.execs, exec); });
}
Code cuGraphExecMemcpyNodeSetParams(GraphExec exec, Node node, const CopyParams *params, Context) {
  return call("cuGraphExecMemcpyNodeSetParams", AContext, std::to_string(params->widthBytes),
              [&](State &) -> Code {
                const auto place = exec->place.find(node);
                if (place == exec->place.end())
                  return kInvalidValue;
                if (const Code code = checkCopy(*params); code != kSuccess)
                  return code;
                exec->copies[place->second] = *params;
                return kSuccess;
              });
}
Code cuGraphLaunch(GraphExec exec, Stream stream) {
  return call("cuGraphLaunch", AContext, "", [&](State &) {
    // As it is now: later changes are for later launches.
    add(*stream, [number = exec->number, nodes = exec->nodes, copies = exec->copies] {
      return runGraph(number, *nodes, copies);
    });
    return kSuccess;
  });
}

Code cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t, int *found) {
  struct Entry {
    const char *name;
    void *function;
  };
#define INGOT_MOCK_ENTRY(name, symbol)                                                             \
  Entry { name, reinterpret_cast<void *>(symbol) }
  static const Entry entries[] = {
      INGOT_MOCK_ENTRY("cuInit", cuInit),
      INGOT_MOCK_ENTRY("cuDriverGetVersion", cuDriverGetVersion),
      INGOT_MOCK_ENTRY("cuGetErrorName", cuGetErrorName),
      INGOT_MOCK_ENTRY("cuGetErrorString", cuGetErrorString),
      INGOT_MOCK_ENTRY("cuDeviceGetCount", cuDeviceGetCount),
      INGOT_MOCK_ENTRY("cuDeviceGet", cuDeviceGet),
      INGOT_MOCK_ENTRY("cuDeviceGetName", cuDeviceGetName),
      INGOT_MOCK_ENTRY("cuDeviceGetAttribute", cuDeviceGetAttribute),
      INGOT_MOCK_ENTRY("cuDeviceTotalMem", cuDeviceTotalMem_v2),
      INGOT_MOCK_ENTRY("cuDevicePrimaryCtxRetain", cuDevicePrimaryCtxRetain),
      INGOT_MOCK_ENTRY("cuDevicePrimaryCtxRelease", cuDevicePrimaryCtxRelease_v2),
      INGOT_MOCK_ENTRY("cuCtxSetCurrent", cuCtxSetCurrent),
      INGOT_MOCK_ENTRY("cuMemGetInfo", cuMemGetInfo_v2),
      INGOT_MOCK_ENTRY("cuMemAlloc", cuMemAlloc_v2),
      INGOT_MOCK_ENTRY("cuMemFree", cuMemFree_v2),
      INGOT_MOCK_ENTRY("cuMemHostAlloc", cuMemHostAlloc),
      INGOT_MOCK_ENTRY("cuMemFreeHost", cuMemFreeHost),
      INGOT_MOCK_ENTRY("cuMemsetD8Async", cuMemsetD8Async),
      INGOT_MOCK_ENTRY("cuMemcpyHtoDAsync", cuMemcpyHtoDAsync_v2),
      INGOT_MOCK_ENTRY("cuMemcpyDtoHAsync", cuMemcpyDtoHAsync_v2),
      INGOT_MOCK_ENTRY("cuStreamCreate", cuStreamCreate),
      INGOT_MOCK_ENTRY("cuStreamDestroy", cuStreamDestroy_v2),
      INGOT_MOCK_ENTRY("cuStreamSynchronize", cuStreamSynchronize),
      INGOT_MOCK_ENTRY("cuEventCreate", cuEventCreate),
      INGOT_MOCK_ENTRY("cuEventDestroy", cuEventDestroy_v2),
      INGOT_MOCK_ENTRY("cuEventRecord", cuEventRecord),
      INGOT_MOCK_ENTRY("cuEventSynchronize", cuEventSynchronize),
      INGOT_MOCK_ENTRY("cuModuleLoadData", cuModuleLoadData),
      INGOT_MOCK_ENTRY("cuModuleUnload", cuModuleUnload),
      INGOT_MOCK_ENTRY("cuModuleGetFunction", cuModuleGetFunction),
      INGOT_MOCK_ENTRY("cuFuncSetAttribute", cuFuncSetAttribute),
      INGOT_MOCK_ENTRY("cuTensorMapEncodeTiled", cuTensorMapEncodeTiled),
      INGOT_MOCK_ENTRY("cuGraphCreate", cuGraphCreate),
      INGOT_MOCK_ENTRY("cuGraphDestroy", cuGraphDestroy),
      INGOT_MOCK_ENTRY("cuGraphAddKernelNode", cuGraphAddKernelNode_v2),
      INGOT_MOCK_ENTRY("cuGraphAddMemcpyNode", cuGraphAddMemcpyNode),
      INGOT_MOCK_ENTRY("cuGraphAddDependencies", cuGraphAddDependencies),
      INGOT_MOCK_ENTRY("cuGraphInstantiateWithParams", cuGraphInstantiateWithParams),
      INGOT_MOCK_ENTRY("cuGraphExecDestroy", cuGraphExecDestroy),
      INGOT_MOCK_ENTRY("cuGraphExecMemcpyNodeSetParams", cuGraphExecMemcpyNodeSetParams),
      INGOT_MOCK_ENTRY("cuGraphLaunch", cuGraphLaunch),
  };
#undef INGOT_MOCK_ENTRY
  *function = nullptr;
  *found = 1; // CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
  const State &s = state();
  if (std::strcmp(symbol, s.machine.missing) == 0 || version > s.machine.driverVersion)
    return kNotFound;
  for (const Entry &entry : entries)
    if (std::strcmp(symbol, entry.name) == 0)
      *function = entry.function;
  if (std::strcmp(symbol, "cuGraphAddDependencies") == 0 && version >= 12030)
    *function = reinterpret_cast<void *>(cuGraphAddDependencies_v2);
  *found = 0;
  return *function ? kSuccess : kNotFound;
}

// ---- The mock's own
// --------------------------------------------------------------------------------

void ingot_mock_set_machine(const Machine *machine) {
  State &s = state();
  const std::lock_guard lock(s.mutex);
  forgetObjects(s);
  s.machine = *machine;
  s.faults.clear();
  s.calls.clear();
  s.graphs.clear();
  s.violations.clear();
  s.sticky = s.lateError = kSuccess;
  s.execCount = 0;
}

void ingot_mock_fail(const char *function, int nth, int code, int late) {
  State &s = state();
  const std::lock_guard lock(s.mutex);
  s.faults.push_back({function, nth, code, late != 0});
}

const char *ingot_mock_calls() { return state().calls.c_str(); }
const char *ingot_mock_graphs() { return state().graphs.c_str(); }
const char *ingot_mock_violations() { return state().violations.c_str(); }
uint64_t ingot_mock_live() { return state().live(); }
uint64_t ingot_mock_nanoseconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(state().spent).count());
}

} // extern "C"
