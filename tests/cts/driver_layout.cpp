// Compiled where a CUDA toolkit lies around: our declarations of the driver are its own.
#include "runtime/device/CudaDriver.h"

#include <cstddef>
#include <cuda.h>
#include <cudaTypedefs.h>

using namespace ingot::cuda;

#define SAME(ours, theirs) static_assert((ours) == (theirs))
#define SAME_FIELD(Ours, ours, Theirs, theirs) SAME(offsetof(Ours, ours), offsetof(Theirs, theirs))
SAME(sizeof(KernelNodeParams), sizeof(CUDA_KERNEL_NODE_PARAMS_v2));
SAME_FIELD(KernelNodeParams, sharedBytes, CUDA_KERNEL_NODE_PARAMS_v2, sharedMemBytes);
SAME_FIELD(KernelNodeParams, params, CUDA_KERNEL_NODE_PARAMS_v2, kernelParams);
SAME_FIELD(KernelNodeParams, context, CUDA_KERNEL_NODE_PARAMS_v2, ctx);
SAME(sizeof(CopyParams), sizeof(CUDA_MEMCPY3D));
SAME_FIELD(CopyParams, srcType, CUDA_MEMCPY3D, srcMemoryType);
SAME_FIELD(CopyParams, srcHost, CUDA_MEMCPY3D, srcHost);
SAME_FIELD(CopyParams, srcDevice, CUDA_MEMCPY3D, srcDevice);
SAME_FIELD(CopyParams, srcPitch, CUDA_MEMCPY3D, srcPitch);
SAME_FIELD(CopyParams, dstType, CUDA_MEMCPY3D, dstMemoryType);
SAME_FIELD(CopyParams, dstHost, CUDA_MEMCPY3D, dstHost);
SAME_FIELD(CopyParams, dstDevice, CUDA_MEMCPY3D, dstDevice);
SAME_FIELD(CopyParams, dstPitch, CUDA_MEMCPY3D, dstPitch);
SAME_FIELD(CopyParams, widthBytes, CUDA_MEMCPY3D, WidthInBytes);
SAME(sizeof(EdgeData), sizeof(CUgraphEdgeData));
SAME_FIELD(EdgeData, type, CUgraphEdgeData, type);
SAME(sizeof(InstantiateParams), sizeof(CUDA_GRAPH_INSTANTIATE_PARAMS));
SAME_FIELD(InstantiateParams, errorNode, CUDA_GRAPH_INSTANTIATE_PARAMS, hErrNode_out);

SAME(kAttributeMajor, int(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR));
SAME(kAttributeMinor, int(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
SAME(kFunctionDynamicShared, int(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES));
SAME(kPortProgrammatic, CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC);
SAME(kEdgeProgrammatic, int(CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC));
SAME(kInstantiateUpload, uint64_t(CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD));
SAME(kStreamNonBlocking, unsigned(CU_STREAM_NON_BLOCKING));
SAME(kEventNoTiming, unsigned(CU_EVENT_DISABLE_TIMING));
SAME(kHostPortable, unsigned(CU_MEMHOSTALLOC_PORTABLE));
SAME(kMemoryHost, int(CU_MEMORYTYPE_HOST));
SAME(kMemoryDevice, int(CU_MEMORYTYPE_DEVICE));

#define SAME_CODE(ours, theirs) SAME(int(ours), int(CUDA_ERROR_##theirs))
SAME_CODE(kInvalidValue, INVALID_VALUE);
SAME_CODE(kOutOfMemory, OUT_OF_MEMORY);
SAME_CODE(kNotInitialized, NOT_INITIALIZED);
SAME_CODE(kStubLibrary, STUB_LIBRARY);
SAME_CODE(kDeviceUnavailable, DEVICE_UNAVAILABLE);
SAME_CODE(kNoDevice, NO_DEVICE);
SAME_CODE(kInvalidDevice, INVALID_DEVICE);
SAME_CODE(kInvalidImage, INVALID_IMAGE);
SAME_CODE(kNoBinaryForGpu, NO_BINARY_FOR_GPU);
SAME_CODE(kEccUncorrectable, ECC_UNCORRECTABLE);
SAME_CODE(kInvalidPtx, INVALID_PTX);
SAME_CODE(kNvlinkUncorrectable, NVLINK_UNCORRECTABLE);
SAME_CODE(kJitCompilerNotFound, JIT_COMPILER_NOT_FOUND);
SAME_CODE(kUnsupportedPtxVersion, UNSUPPORTED_PTX_VERSION);
SAME_CODE(kContained, CONTAINED);
SAME_CODE(kInvalidHandle, INVALID_HANDLE);
SAME_CODE(kNotFound, NOT_FOUND);
SAME_CODE(kNotReady, NOT_READY);
SAME_CODE(kIllegalAddress, ILLEGAL_ADDRESS);
SAME_CODE(kLaunchOutOfResources, LAUNCH_OUT_OF_RESOURCES);
SAME_CODE(kLaunchTimeout, LAUNCH_TIMEOUT);
SAME_CODE(kContextIsDestroyed, CONTEXT_IS_DESTROYED);
SAME_CODE(kAssert, ASSERT);
SAME_CODE(kHardwareStackError, HARDWARE_STACK_ERROR);
SAME_CODE(kIllegalInstruction, ILLEGAL_INSTRUCTION);
SAME_CODE(kMisalignedAddress, MISALIGNED_ADDRESS);
SAME_CODE(kInvalidAddressSpace, INVALID_ADDRESS_SPACE);
SAME_CODE(kInvalidPc, INVALID_PC);
SAME_CODE(kLaunchFailed, LAUNCH_FAILED);
SAME_CODE(kNotSupported, NOT_SUPPORTED);
SAME_CODE(kSystemNotReady, SYSTEM_NOT_READY);
SAME_CODE(kSystemDriverMismatch, SYSTEM_DRIVER_MISMATCH);
SAME_CODE(kCompatNotSupported, COMPAT_NOT_SUPPORTED_ON_DEVICE);
SAME_CODE(kUnknown, UNKNOWN);

template <typename Pointer>
struct Arity;
template <typename Return, typename... Args>
struct Arity<Return (*)(Args...)> {
  static constexpr size_t value = sizeof...(Args);
};
#define SAME_ARITY(member, theirs)                                                                 \
  SAME(Arity<decltype(Calls::member)>::value, Arity<PFN_##theirs>::value)
SAME_ARITY(init, cuInit_v2000);
SAME_ARITY(driverVersion, cuDriverGetVersion_v2020);
SAME_ARITY(deviceName, cuDeviceGetName_v2000);
SAME_ARITY(deviceTotalMem, cuDeviceTotalMem_v3020);
SAME_ARITY(contextRetain, cuDevicePrimaryCtxRetain_v7000);
SAME_ARITY(contextRelease, cuDevicePrimaryCtxRelease_v11000);
SAME_ARITY(contextSetCurrent, cuCtxSetCurrent_v4000);
SAME_ARITY(memGetInfo, cuMemGetInfo_v3020);
SAME_ARITY(memAlloc, cuMemAlloc_v3020);
SAME_ARITY(memFree, cuMemFree_v3020);
SAME_ARITY(hostAlloc, cuMemHostAlloc_v2020);
SAME_ARITY(hostFree, cuMemFreeHost_v2000);
SAME_ARITY(memsetAsync, cuMemsetD8Async_v3020);
SAME_ARITY(copyToDeviceAsync, cuMemcpyHtoDAsync_v3020);
SAME_ARITY(copyToHostAsync, cuMemcpyDtoHAsync_v3020);
SAME_ARITY(streamCreate, cuStreamCreate_v2000);
SAME_ARITY(streamDestroy, cuStreamDestroy_v4000);
SAME_ARITY(eventCreate, cuEventCreate_v2000);
SAME_ARITY(eventDestroy, cuEventDestroy_v4000);
SAME_ARITY(eventRecord, cuEventRecord_v2000);
SAME_ARITY(moduleLoadData, cuModuleLoadData_v2000);
SAME_ARITY(moduleFunction, cuModuleGetFunction_v2000);
SAME_ARITY(functionSetAttribute, cuFuncSetAttribute_v9000);
SAME_ARITY(graphCreate, cuGraphCreate_v10000);
SAME_ARITY(graphAddKernel, cuGraphAddKernelNode_v12000);
SAME_ARITY(graphAddCopy, cuGraphAddMemcpyNode_v10000);
SAME_ARITY(graphAddEdges, cuGraphAddDependencies_v10000);
SAME_ARITY(graphAddTypedEdges, cuGraphAddDependencies_v12030);
SAME_ARITY(graphInstantiate, cuGraphInstantiateWithParams_v12000);
SAME_ARITY(graphExecSetCopy, cuGraphExecMemcpyNodeSetParams_v10020);
SAME_ARITY(graphLaunch, cuGraphLaunch_v10000);
