// Objects -> one shared object that needs nothing: no imports, no relocations, no writable page.
// The runtime maps it straight from the artifact.
#pragma once

#include "runtime/base/Status.h"

#include <span>
#include <string>
#include <vector>

namespace ingot::cpu {

/// Links `objects` (in this order; it decides the bytes) and checks the image with `checkImage`.
Result<std::string> linkImage(std::span<const std::string> objects,
                              std::span<const std::string> kernelNames);

/// Fails unless `image` is an x86-64 ET_DYN without imports, relocations, writable or
/// writable-executable segments, in which each kernel name is an exported function.
Status checkImage(const std::string &image, std::span<const std::string> kernelNames);

} // namespace ingot::cpu
