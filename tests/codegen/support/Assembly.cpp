#include "tests/codegen/support/Assembly.h"

#include <algorithm>
#include <sstream>

namespace ingot::test {

int64_t AssemblyLoop::count(const std::string &mnemonic) const {
  return std::count_if(lines.begin(), lines.end(), [&](const std::string &line) {
    return line.compare(0, mnemonic.size() + 1, "\t" + mnemonic) == 0;
  });
}

int64_t AssemblyLoop::stackAccesses() const {
  return std::count_if(lines.begin(), lines.end(), [](const std::string &line) {
    return line.find("(%rsp") != std::string::npos || line.find("(%rbp") != std::string::npos ||
           line.find("Spill") != std::string::npos || line.find("Reload") != std::string::npos;
  });
}

// LLVM marks the header of an innermost loop with "Inner Loop Header" behind the label of its first
// block; the loop ends with the jump back to that label.
std::vector<AssemblyLoop> innerLoops(const std::string &assembly) {
  std::vector<AssemblyLoop> loops;
  std::istringstream stream(assembly);
  std::string line, function, label;
  bool inLoop = false;
  while (std::getline(stream, line)) {
    const bool isLabel = !line.empty() && line[0] != '\t' && line[0] != ' ' && line[0] != '#' &&
                         line.find(':') != std::string::npos;
    if (isLabel && line[0] != '.')
      function = line.substr(0, line.find(':')), inLoop = false;
    if (isLabel && line[0] == '.' && !inLoop)
      label = line.substr(0, line.find(':'));
    if (line.find("Inner Loop Header") != std::string::npos) {
      loops.push_back({function, {}});
      inLoop = true;
    }
    if (!inLoop)
      continue;
    if (!line.empty() && line[0] == '\t' && line[1] != '.')
      loops.back().lines.push_back(line);
    const bool isJump = line.compare(0, 2, "\tj") == 0;
    if (isJump && line.find(label) != std::string::npos &&
        !std::isdigit(line[line.find(label) + label.size()]))
      inLoop = false;
  }
  return loops;
}

} // namespace ingot::test
