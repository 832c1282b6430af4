// Which of an artifact's images a GPU runs.
#pragma once

#include "runtime/artifact/Manifest.h"
#include "runtime/device/CudaDriver.h"

namespace ingot::cuda {

/// The level of an image of target "cuda".
struct CudaLevel {
  enum class Kind : uint8_t {
    Cubin, ///< "sm_86", "sm_90a", "sm_100f": code of one GPU family
    Ptx,   ///< "compute_80": text that the driver compiles
    Host,  ///< "host", "host_90a": code of the machine's own processor, for a driver that executes
           ///< there; by the kernels of all GPUs, or those of the one named
  };
  Kind kind = Kind::Cubin;
  int major = 0, minor = 0;
  char suffix = 0; ///< 'a': exactly this capability; 'f': the same major; 0: see runs()

  /// Cubins run on their own major capability from their minor one on; "a" on exactly their own;
  /// PTX on theirs and everything newer ("a" again exactly); "host" on capability 0.x,
  /// "host_90a" on 0.90.
  bool runs(int gpuMajor, int gpuMinor) const;
};

/// "sm_90a" and so on; nothing for names this runtime does not know.
std::optional<CudaLevel> parseCudaLevel(std::string_view name);

struct ImageChoice {
  uint32_t image = 0; ///< index into Manifest.images
  bool isPtx = false; ///< the driver compiles it at start
};

/// The image made most closely for the GPU: a cubin, the highest minor and the most specific first;
/// PTX only with `allowJit`. Ids: "cuda-code-absent" (no image of target "cuda"),
/// "cuda-unsupported" (names what the artifact has and what the GPU is).
Result<ImageChoice> chooseCudaImage(const std::vector<artifact::Image> &images, const Gpu &gpu,
                                    bool allowJit);

/// Checks the frame of a module before the driver, which asks for no size, reads it: a 64-bit ELF
/// file for `kind` whose tables lie inside its bytes, or PTX text.
/// Id "cuda-image".
Status checkModule(std::span<const uint8_t> bytes, CudaLevel::Kind kind);

} // namespace ingot::cuda
