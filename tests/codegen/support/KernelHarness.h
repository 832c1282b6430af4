// Compiles a hand-made program for a level, loads it with the runtime's loader and runs it as a
// worker of the runtime would.
#pragma once

#include "codegen/KernelProgram.h"
#include "codegen/cpu/KernelBuilder.h"
#include "codegen/cpu/ObjectEmitter.h"
#include "runtime/artifact/CodeImage.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ingot::test {

/// Emits one kernel of the given name; returns its scratch bytes.
using EmitFn = std::function<uint64_t(cpu::KernelBuilder &, std::string_view name)>;

/// A kernel in memory. Throws std::runtime_error when anything on the way fails.
class LoadedKernel {
public:
  LoadedKernel(CpuLevel level, const EmitFn &emit);

  /// Runs items [begin, end) with flush-to-zero arithmetic and fresh scratch of the declared size.
  void run(std::vector<uint64_t> args, uint32_t begin, uint32_t end) const;
  abi::KernelFn function() const { return function_; }
  uint64_t scratchBytes() const { return scratchBytes_; }
  const std::string &image() const { return image_; }

private:
  std::string image_;
  CodeImage code_;
  abi::KernelFn function_ = nullptr;
  uint64_t scratchBytes_ = 0;
};

/// Assembly text of a kernel.
std::string assemblyOf(CpuLevel level, const EmitFn &emit);
/// Levels whose code this machine can run.
std::vector<CpuLevel> runnableLevels();

/// 64-byte aligned memory; new memory is filled with 0xff bytes (NaN).
class Buffer {
public:
  explicit Buffer(size_t bytes, uint8_t fill = 0xff);
  template <typename T>
  T *as() const {
    return reinterpret_cast<T *>(data_.get());
  }
  uint64_t slot() const { return reinterpret_cast<uint64_t>(data_.get()); }
  size_t bytes() const { return bytes_; }
  bool operator==(const Buffer &other) const;

private:
  struct Free {
    void operator()(uint8_t *p) const { std::free(p); }
  };
  size_t bytes_;
  std::unique_ptr<uint8_t, Free> data_;
};

/// Sets flush-to-zero and denormals-are-zero for the scope, as the runtime does around kernels.
class KernelMxcsr {
public:
  KernelMxcsr();
  ~KernelMxcsr();

private:
  unsigned saved_;
};

} // namespace ingot::test
