// The version of this build of Ingot.
#pragma once

#include "runtime/base/Status.h"

#include <compare>
#include <string_view>

namespace ingot {

/// major.minor.patch.
struct Version {
  unsigned major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version &) const = default;
};

/// "0.1.0".
const char *versionText();
Version runtimeVersion();
/// Reads "1.2.3" or "1.2".
Result<Version> parseVersion(std::string_view text);

} // namespace ingot
