#include "models/Registry.h"

#include <algorithm>
#include <array>

namespace ingot {
namespace {

struct Architecture {
  const char *name;
  Result<DecoderSpec> (*read)(const HfConfig &);
};

constexpr std::array kArchitectures = {
#define INGOT_MODEL(name) Architecture{#name, read##name},
#include "models/models.def"
#undef INGOT_MODEL
};

/// The architecture that config.json names; several names are as unclear as none.
Result<std::string> architectureName(const HfConfig &config) {
  INGOT_ASSIGN(const std::vector<std::string> names, config.texts("architectures"));
  if (names.size() == 1)
    return names[0];
  return config.refuse("model-unknown", "architectures",
                       names.empty() ? "names no architecture; known: " + knownArchitectures()
                                     : "names " + std::to_string(names.size()) +
                                           " architectures, one is needed");
}

} // namespace

Result<DecoderSpec> readDecoderSpec(const HfConfig &config) {
  INGOT_ASSIGN(const std::string name, architectureName(config));
  const auto found = std::find_if(kArchitectures.begin(), kArchitectures.end(),
                                  [&](const Architecture &a) { return name == a.name; });
  if (found == kArchitectures.end())
    return config.refuse("model-unknown", "architectures",
                         "\"" + name + "\" is not supported; known: " + knownArchitectures());
  INGOT_ASSIGN(DecoderSpec spec, found->read(config));
  spec.architecture = name;
  return spec;
}

std::string knownArchitectures() {
  std::string names;
  for (const Architecture &architecture : kArchitectures)
    names += (names.empty() ? "" : ", ") + std::string(architecture.name);
  return names;
}

} // namespace ingot
