// Reads the assembly text of a kernel: its functions and inner loops.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::test {

/// The instructions of one innermost loop.
struct AssemblyLoop {
  std::string function;
  std::vector<std::string> lines;

  /// Instructions whose mnemonic begins with `mnemonic`.
  int64_t count(const std::string &mnemonic) const;
  /// Instructions with an operand on the stack.
  int64_t stackAccesses() const;
};

std::vector<AssemblyLoop> innerLoops(const std::string &assembly);

} // namespace ingot::test
