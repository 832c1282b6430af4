// The nouns of a device, six of them:
//   Device    a place where launch lists run
//   Memory    bytes that its kernels can address
//   Program   the launch list of one schedule with every argument resolved
//   Command   one launch of a program: a kernel, its items, its arguments
//   Ticket    a step that was handed to the device
//   worker    a member of the device that takes a share of the items (ThreadTeam on the CPU)
// Kernels are addressed by their index in the manifest; a device is made with them loaded.
#pragma once

#include "runtime/artifact/Manifest.h"

#include <functional>
#include <memory>

namespace ingot {

/// Bytes on a device, zeroed, 64-byte aligned at least.
class Memory {
public:
  virtual ~Memory() = default;
  virtual uint8_t *data() = 0;
  virtual uint64_t bytes() const = 0;
};

struct Command {
  uint32_t kernel = 0;                     ///< index into Manifest.kernels
  uint32_t firstArg = 0;                   ///< index of its first slot in Program::args
  const artifact::Extent *items = nullptr; ///< owned by the manifest
  std::string_view label;                  ///< owned by the manifest
};

struct Program {
  std::vector<Command> commands;
  std::vector<uint64_t> args; ///< slots of all commands, see abi::KernelFn
};

/// Identifies a launched step; wait() gives its outcome once.
struct Ticket {
  uint64_t number = 0;
};

class Device {
public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  virtual uint32_t workers() const = 0;
  virtual Result<std::unique_ptr<Memory>> allocate(uint64_t bytes) = 0;

  /// Runs the commands in order, each complete before the next begins. The program, its tables and
  /// buffers stay valid and unchanged until wait(). A synchronous device has finished on return.
  virtual Ticket launch(const Program &program, const artifact::SymbolValues &symbols) = 0;
  /// Outcome of a launched step. Ids: "kernel-failed" with the label and code, "items-overflow".
  virtual Status wait(Ticket ticket) = 0;

  /// Calls fn(i) for every i < items on the host side of the device, in parallel where it can, in
  /// the step's floating-point mode. For work on results: sampling.
  virtual void forEach(uint32_t items, const std::function<void(uint32_t)> &fn) = 0;
};

} // namespace ingot
