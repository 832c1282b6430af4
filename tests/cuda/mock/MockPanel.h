// The mock driver from a test: makes it the process's CUDA driver and works its controls.
#pragma once

#include "tests/cuda/mock/Mock.h"

#include <cstdlib>
#include <dlfcn.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace ingot::mock {

class MockPanel {
public:
  explicit MockPanel(const Machine &machine = {})
      : library_(::dlopen(INGOT_MOCK_DRIVER, RTLD_NOW)) {
    if (!library_)
      throw std::runtime_error(::dlerror());
    ::setenv("INGOT_CUDA_DRIVER", INGOT_MOCK_DRIVER, 1);
    set(machine);
  }
  ~MockPanel() { ::unsetenv("INGOT_CUDA_DRIVER"); }
  MockPanel(const MockPanel &) = delete;
  MockPanel &operator=(const MockPanel &) = delete;

  /// A new machine: nothing may live on the one before.
  void set(const Machine &machine) { find<SetMachine>(kSetMachine)(&machine); }
  void fail(const char *function, int nth, int code, bool late = false) {
    find<Fail>(kFail)(function, nth, code, late);
  }
  std::string calls() const { return find<Text>(kCalls)(); }
  std::string graphs() const { return find<Text>(kGraphs)(); }
  std::string violations() const { return find<Text>(kViolations)(); }
  uint64_t live() const { return find<Count>(kLive)(); }
  uint64_t nanoseconds() const { return find<Count>(kNanoseconds)(); }

  /// Lines of a record that begin with `prefix`.
  static std::vector<std::string> lines(const std::string &record, const std::string &prefix) {
    std::vector<std::string> found;
    std::istringstream in(record);
    for (std::string line; std::getline(in, line);)
      if (line.compare(0, prefix.size(), prefix) == 0)
        found.push_back(line);
    return found;
  }

private:
  template <typename Function>
  Function find(const char *name) const {
    return reinterpret_cast<Function>(::dlsym(library_, name));
  }
  void *library_;
};

} // namespace ingot::mock
