#include "codegen/cpu/IsaLevel.h"

namespace ingot::cpu {

static constexpr IsaInfo kInfos[kCpuLevelCount] = {
    {CpuLevel::V3, "x86-64-v3", "", false, false},
    {CpuLevel::V4Vnni, "x86-64-v4", "+avx512vnni,+prfchw", true, false},
    {CpuLevel::V4VnniBf16, "x86-64-v4", "+avx512vnni,+avx512bf16,+prfchw", true, true},
};

const IsaInfo &isaInfo(CpuLevel level) { return kInfos[static_cast<size_t>(level)]; }

} // namespace ingot::cpu
