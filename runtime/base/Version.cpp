#include "runtime/base/Version.h"

#include "runtime/base/Format.h"

#include <charconv>

namespace ingot {

const char *versionText() { return INGOT_VERSION; }

Version runtimeVersion() { return *parseVersion(INGOT_VERSION); }

Result<Version> parseVersion(std::string_view text) {
  unsigned parts[3] = {};
  const char *at = text.data();
  const char *const end = text.data() + text.size();
  for (int i = 0; i < 3; ++i) {
    const auto [next, error] = std::from_chars(at, end, parts[i]);
    if (error != std::errc())
      break;
    at = next;
    if (at == end && i >= 1)
      return Version{parts[0], parts[1], parts[2]};
    if (at == end || *at != '.' || i == 2)
      break;
    ++at;
  }
  return Status(ErrorClass::Data, "version-text",
                format("\"%.*s\" is not a version: expected major.minor.patch",
                       static_cast<int>(text.size()), text.data()));
}

} // namespace ingot
