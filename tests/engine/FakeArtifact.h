// The fake model as an artifact with native kernels and a tokenizer: the whole runtime without a
// compiler.
#pragma once

#include <string>

namespace ingot::testing {

/// Writes the artifact: context 128, 64 tokens a step, 16 sequences, blocks of 16 positions.
void writeFakeArtifact(const std::string &path, bool withTokenizer = true);

} // namespace ingot::testing
