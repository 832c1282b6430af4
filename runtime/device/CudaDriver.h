// The few functions of the CUDA driver that Ingot calls, found at run time: no toolkit is needed to
// build, none to run. Types are the driver's own, declared here with its sizes and values; the
// version beside each function is the one whose signature is written out.
#pragma once

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace ingot::cuda {

using Code = int;         ///< CUresult
using Ordinal = int;      ///< CUdevice
using Pointer = uint64_t; ///< CUdeviceptr
using Context = struct ContextRecord *;
using Module = struct ModuleRecord *;
using Function = struct FunctionRecord *;
using Stream = struct StreamRecord *;
using Event = struct EventRecord *;
using Graph = struct GraphRecord *;
using Node = struct NodeRecord *;
using GraphExec = struct GraphExecRecord *;

enum ErrorCode : Code {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kStubLibrary = 34,
  kDeviceUnavailable = 46,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kNoBinaryForGpu = 209,
  kEccUncorrectable = 214,
  kInvalidPtx = 218,
  kNvlinkUncorrectable = 220,
  kJitCompilerNotFound = 221,
  kUnsupportedPtxVersion = 222,
  kContained = 226,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchTimeout = 702,
  kContextIsDestroyed = 709,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPc = 718,
  kLaunchFailed = 719,
  kNotSupported = 801,
  kSystemNotReady = 802,
  kSystemDriverMismatch = 803,
  kCompatNotSupported = 804,
  kUnknown = 999,
};

// Values of the driver's enumerations and flags that are used.
inline constexpr int kAttributeMajor = 75, kAttributeMinor = 76; ///< CU_DEVICE_ATTRIBUTE_...
inline constexpr int kAttributeMultiprocessors = 16;
inline constexpr int kFunctionDynamicShared = 8;         ///< CU_FUNC_ATTRIBUTE_...
inline constexpr unsigned kHostPortable = 1;             ///< CU_MEMHOSTALLOC_PORTABLE
inline constexpr unsigned kStreamNonBlocking = 1;        ///< CU_STREAM_NON_BLOCKING
inline constexpr unsigned kEventNoTiming = 2;            ///< CU_EVENT_DISABLE_TIMING
inline constexpr int kMemoryHost = 1, kMemoryDevice = 2; ///< CU_MEMORYTYPE_...
inline constexpr uint8_t kPortProgrammatic = 1;          ///< CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC
inline constexpr uint8_t kEdgeProgrammatic = 1;          ///< CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC
inline constexpr uint64_t kInstantiateUpload = 2;        ///< CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD

/// CUDA_KERNEL_NODE_PARAMS_v2
struct KernelNodeParams {
  Function function = nullptr;
  unsigned gridX = 1, gridY = 1, gridZ = 1;
  unsigned blockX = 1, blockY = 1, blockZ = 1;
  unsigned sharedBytes = 0;
  void **params = nullptr;
  void **extra = nullptr;
  void *kernel = nullptr;
  Context context = nullptr;
};

/// CUDA_MEMCPY3D_v2; a run of bytes has height and depth 1.
struct CopyParams {
  size_t srcX = 0, srcY = 0, srcZ = 0, srcLod = 0;
  int srcType = 0;
  const void *srcHost = nullptr;
  Pointer srcDevice = 0;
  void *srcArray = nullptr, *reserved0 = nullptr;
  size_t srcPitch = 0, srcHeight = 0;
  size_t dstX = 0, dstY = 0, dstZ = 0, dstLod = 0;
  int dstType = 0;
  void *dstHost = nullptr;
  Pointer dstDevice = 0;
  void *dstArray = nullptr, *reserved1 = nullptr;
  size_t dstPitch = 0, dstHeight = 0;
  size_t widthBytes = 0, height = 1, depth = 1;
};

/// CUgraphEdgeData
struct EdgeData {
  uint8_t fromPort = 0, toPort = 0, type = 0;
  uint8_t reserved[5] = {};
};

/// CUDA_GRAPH_INSTANTIATE_PARAMS
struct InstantiateParams {
  uint64_t flags = 0;
  Stream uploadStream = nullptr;
  Node errorNode = nullptr;
  int result = 0;
};

/// CUtensorMap: opaque.
struct alignas(64) TensorMapBytes {
  uint64_t words[16] = {};
};
/// CU_TENSOR_MAP_DATA_TYPE_UINT8, 16, 32, 64; ..._SWIZZLE_128B; ..._L2_PROMOTION_L2_256B. Zero is
/// none of the others, and what lies outside reads as zero.
inline constexpr int kTensorUint8 = 0, kTensorUint16 = 1, kTensorUint32 = 2, kTensorUint64 = 4;
inline constexpr int kTensorSwizzle128 = 3, kTensorPromote256 = 3;

// X(member, name, version, parameters)
#define INGOT_CUDA_CALLS(X)                                                                        \
  X(init, "cuInit", 2000, (unsigned flags))                                                        \
  X(driverVersion, "cuDriverGetVersion", 2020, (int *version))                                     \
  X(errorName, "cuGetErrorName", 6000, (Code code, const char **name))                             \
  X(errorText, "cuGetErrorString", 6000, (Code code, const char **text))                           \
  X(deviceCount, "cuDeviceGetCount", 2000, (int *count))                                           \
  X(deviceGet, "cuDeviceGet", 2000, (Ordinal * device, int index))                                 \
  X(deviceName, "cuDeviceGetName", 2000, (char *name, int bytes, Ordinal device))                  \
  X(deviceAttribute, "cuDeviceGetAttribute", 2000, (int *value, int attribute, Ordinal device))    \
  X(deviceTotalMem, "cuDeviceTotalMem", 3020, (size_t *bytes, Ordinal device))                     \
  X(contextRetain, "cuDevicePrimaryCtxRetain", 7000, (Context * context, Ordinal device))          \
  X(contextRelease, "cuDevicePrimaryCtxRelease", 11000, (Ordinal device))                          \
  X(contextSetCurrent, "cuCtxSetCurrent", 4000, (Context context))                                 \
  X(memGetInfo, "cuMemGetInfo", 3020, (size_t *free, size_t *total))                               \
  X(memAlloc, "cuMemAlloc", 3020, (Pointer * pointer, size_t bytes))                               \
  X(memFree, "cuMemFree", 3020, (Pointer pointer))                                                 \
  X(hostAlloc, "cuMemHostAlloc", 2020, (void **pointer, size_t bytes, unsigned flags))             \
  X(hostFree, "cuMemFreeHost", 2000, (void *pointer))                                              \
  X(memsetAsync, "cuMemsetD8Async", 3020,                                                          \
    (Pointer to, unsigned char value, size_t bytes, Stream stream))                                \
  X(copyToDeviceAsync, "cuMemcpyHtoDAsync", 3020,                                                  \
    (Pointer to, const void *from, size_t bytes, Stream stream))                                   \
  X(copyToHostAsync, "cuMemcpyDtoHAsync", 3020,                                                    \
    (void *to, Pointer from, size_t bytes, Stream stream))                                         \
  X(streamCreate, "cuStreamCreate", 2000, (Stream * stream, unsigned flags))                       \
  X(streamDestroy, "cuStreamDestroy", 4000, (Stream stream))                                       \
  X(streamSynchronize, "cuStreamSynchronize", 2000, (Stream stream))                               \
  X(eventCreate, "cuEventCreate", 2000, (Event * event, unsigned flags))                           \
  X(eventDestroy, "cuEventDestroy", 4000, (Event event))                                           \
  X(eventRecord, "cuEventRecord", 2000, (Event event, Stream stream))                              \
  X(eventSynchronize, "cuEventSynchronize", 2000, (Event event))                                   \
  X(moduleLoadData, "cuModuleLoadData", 2000, (Module * module, const void *image))                \
  X(moduleUnload, "cuModuleUnload", 2000, (Module module))                                         \
  X(moduleFunction, "cuModuleGetFunction", 2000,                                                   \
    (Function * function, Module module, const char *name))                                        \
  X(functionSetAttribute, "cuFuncSetAttribute", 9000,                                              \
    (Function function, int attribute, int value))                                                 \
  X(graphCreate, "cuGraphCreate", 10000, (Graph * graph, unsigned flags))                          \
  X(graphDestroy, "cuGraphDestroy", 10000, (Graph graph))                                          \
  X(graphAddKernel, "cuGraphAddKernelNode", 12000,                                                 \
    (Node * node, Graph graph, const Node *dependencies, size_t count,                             \
     const KernelNodeParams *params))                                                              \
  X(graphAddCopy, "cuGraphAddMemcpyNode", 10000,                                                   \
    (Node * node, Graph graph, const Node *dependencies, size_t count, const CopyParams *params,   \
     Context context))                                                                             \
  X(graphAddEdges, "cuGraphAddDependencies", 10000,                                                \
    (Graph graph, const Node *from, const Node *to, size_t count))                                 \
  X(graphInstantiate, "cuGraphInstantiateWithParams", 12000,                                       \
    (GraphExec * exec, Graph graph, InstantiateParams * params))                                   \
  X(graphExecDestroy, "cuGraphExecDestroy", 10000, (GraphExec exec))                               \
  X(graphExecSetCopy, "cuGraphExecMemcpyNodeSetParams", 10020,                                     \
    (GraphExec exec, Node node, const CopyParams *params, Context context))                        \
  X(graphLaunch, "cuGraphLaunch", 10000, (GraphExec exec, Stream stream))
// What a driver may lack: typed edges are of CUDA 12.3, tensor maps are asked for when a kernel
// takes some.
#define INGOT_CUDA_OPTIONAL_CALLS(X)                                                               \
  X(graphAddTypedEdges, "cuGraphAddDependencies", 12030,                                           \
    (Graph graph, const Node *from, const Node *to, const EdgeData *edges, size_t count))          \
  X(tensorMapEncode, "cuTensorMapEncodeTiled", 12000,                                              \
    (TensorMapBytes * map, int type, uint32_t rank, void *address, const uint64_t *sizes,          \
     const uint64_t *strides, const uint32_t *box, const uint32_t *elementStrides, int interleave, \
     int swizzle, int promotion, int fill))

/// The oldest driver that has them: CUDA 12.0.
inline constexpr int kMinimumDriver = 12000;

struct Calls {
#define INGOT_CUDA_MEMBER(member, name, version, params) Code(*member) params = nullptr;
  INGOT_CUDA_CALLS(INGOT_CUDA_MEMBER)
  INGOT_CUDA_OPTIONAL_CALLS(INGOT_CUDA_MEMBER)
#undef INGOT_CUDA_MEMBER
};

/// A GPU as the driver shows it.
struct Gpu {
  int index = 0;
  Ordinal ordinal = 0;
  std::string name;
  int major = 0, minor = 0; ///< compute capability; 0.x = a driver that executes on the host;
                            ///< x: 90 = also what is written for 9.0 alone
  int multiprocessors = 1;
  uint64_t totalBytes = 0;
  /// A slice of a GPU in MIG mode, of which a process sees only one.
  bool isSlice() const { return name.find(" MIG ") != std::string::npos; }
  std::string describe() const; ///< "cuda:0 (NVIDIA H200, compute capability 9.0, 139.8 GiB)"
};

/// The loaded driver. It stays loaded until the process ends.
class Driver {
public:
  /// Loads libcuda.so.1, or what INGOT_CUDA_DRIVER names, and starts it. Ids: "cuda-unavailable"
  /// when there is no driver or no GPU, "cuda-driver-old".
  static Result<std::shared_ptr<const Driver>> load();

  const Calls &calls() const { return calls_; }
  /// Of the CUDA that the driver was made for: 12040 = 12.4.
  int version() const { return version_; }

  Result<int> gpuCount() const;
  /// GPU `index`; id "cuda-ordinal" names those that are there.
  Result<Gpu> gpu(int index) const;

  /// The one place where the driver's errors become ours: `what` was tried.
  Status check(Code code, std::string_view what) const;
  /// After these nothing works any more on the GPU in this process.
  static bool isSticky(Code code);

private:
  Driver() = default;
  Status bind(void *library);

  Calls calls_;
  int version_ = 0;
};

/// "12.4"
std::string versionText(int driverVersion);

} // namespace ingot::cuda
