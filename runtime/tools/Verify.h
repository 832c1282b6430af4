// ingot verify: proves that an artifact is whole, and on demand that it computes what it should.
#pragma once

#include "runtime/base/Status.h"

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace ingot::tools {

/// A part that was found whole.
struct VerifiedPart {
  std::string name, detail;
};

struct VerifyOptions {
  std::string path;
  bool json = false;
  unsigned threads = 1;
  /// Called after the static checks, if set: computes the known answers and adds a part for each.
  std::function<Status(std::vector<VerifiedPart> &)> run;
};

/// Checks every hash, every rule of the manifest, all padding, all generated weights and that each
/// code image is well formed and exports every kernel. Prints one line per part.
Status verifyCommand(const VerifyOptions &options, std::ostream &out);

} // namespace ingot::tools
