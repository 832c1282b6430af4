// NVRTC, NVIDIA's run-time compiler, used ahead of time and without a GPU. It is opened when it is
// needed: the compiler neither links it nor includes its header.
#pragma once

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::cuda {

/// What the assembler said about one kernel.
struct KernelResources {
  uint32_t registers = 0;         ///< per thread
  uint32_t stackBytes = 0;        ///< per thread
  uint32_t spillStoreBytes = 0;   ///< per thread
  uint32_t spillLoadBytes = 0;    ///< per thread
  uint32_t staticSharedBytes = 0; ///< per block
  uint32_t losses = 0;            ///< "potential performance losses", such as wgmma in series
};

struct NvrtcOutput {
  std::vector<uint8_t> code; ///< cubin, or PTX text without its end mark
  KernelResources resources; ///< zero for PTX
};

class Nvrtc {
public:
  /// Tries $INGOT_NVRTC, then libnvrtc.so.13 and .12, then the toolkit's usual folder. Id
  /// "nvrtc-missing" with what to install.
  static Result<std::unique_ptr<Nvrtc>> load();
  ~Nvrtc();

  const std::string &version() const { return version_; } ///< "13.0"

  /// The options of every compilation besides the architecture, space separated: part of what a
  /// cubin depends on.
  static std::string_view options();

  /// Compiles a unit with one kernel for `architecture`: "sm_80", "sm_90a" give a cubin,
  /// "compute_80" PTX. Headers are the embedded ones. Equal input gives equal bytes. Any number of
  /// threads may compile at once. Id "nvrtc-failed" with the log.
  Result<NvrtcOutput> compile(const std::string &source, const std::string &architecture) const;

private:
  struct Api;
  Nvrtc();
  std::unique_ptr<Api> api_;
  std::string version_;
};

/// Reads the resources of the one kernel in a log of `--ptxas-options=-v`.
KernelResources readResources(std::string_view log);

} // namespace ingot::cuda
