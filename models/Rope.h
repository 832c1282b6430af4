// Frequencies of rotary position embeddings, as the checkpoints' own library computes them.
#pragma once

#include "models/DecoderSpec.h"
#include "models/import/HfConfig.h"

#include <vector>

namespace ingot {

/// Reads rope_theta and rope_scaling, or the newer rope_parameters. Kinds whose frequencies depend
/// on the length of the text, and those not known, are refused with id "rope-scaling" and the
/// reason.
Result<RopeSpec> readRope(const HfConfig &config, int64_t maxContext);

/// The headDim / 2 inverse frequencies, radians per position. Each step of the reference formula is
/// computed in double and rounded to float32 once.
std::vector<float> inverseFrequencies(const RopeSpec &rope, int64_t headDim);

} // namespace ingot
