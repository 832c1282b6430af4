// How a cache stores the numbers of keys and values: names only, for whoever passes them on. The
// rules of rounding are Rule K in Numerics.h.
#pragma once

#include <cstdint>

namespace ingot::abi {

enum class KvFormat : uint32_t { Bf16, F16, E4m3, Int8 };

} // namespace ingot::abi
