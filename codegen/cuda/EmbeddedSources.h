// The headers that kernels include, as text inside the compiler: no path is needed to compile one.
#pragma once

#include <span>
#include <string_view>

namespace ingot::cuda {

struct EmbeddedSource {
  std::string_view path; ///< as kernels include it: relative to the root of the repository
  std::string_view text;
};

/// In the order of codegen/cuda/CMakeLists.txt.
std::span<const EmbeddedSource> embeddedSources();

} // namespace ingot::cuda
