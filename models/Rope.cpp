#include "models/Rope.h"

#include <cmath>
#include <numbers>

namespace ingot {
namespace {

constexpr NumberRange kTheta{1, 1e12};
constexpr NumberRange kFactor{1, 1e6};
constexpr NumberRange kFrequencyFactor{1e-3, 1e6};
constexpr int64_t kMaxContext = int64_t(1) << 31;

Status refuseScaling(const HfConfig &config, const char *key, const std::string &kind) {
  std::string reason = "this rope scaling is not known; known: default, linear, llama3";
  if (kind == "dynamic")
    reason = "its frequencies change with the length of the text, so a token would depend on how "
             "the prompt was cut; supported: default, linear, llama3";
  else if (kind == "yarn" || kind == "longrope" || kind == "su")
    reason = "this rope scaling is not supported; supported: default, linear, llama3";
  return config.refuse("rope-scaling", key, "\"" + kind + "\": " + reason);
}

Status readLlama3(const HfConfig &scaling, int64_t maxContext, RopeSpec &rope) {
  INGOT_ASSIGN(rope.lowFrequencyFactor, scaling.number("low_freq_factor", kFrequencyFactor));
  INGOT_ASSIGN(rope.highFrequencyFactor, scaling.number("high_freq_factor", kFrequencyFactor));
  INGOT_ASSIGN(const int64_t original,
               scaling.integer("original_max_position_embeddings", {1, kMaxContext}, maxContext));
  rope.originalContext = static_cast<double>(original);
  if (rope.highFrequencyFactor <= rope.lowFrequencyFactor)
    return scaling.refuse("config-range", "high_freq_factor",
                          "must be above low_freq_factor: the ramp between them divides by the "
                          "difference");
  return Status::ok();
}

/// `scaling` is rope_scaling or rope_parameters.
Status readScaling(const HfConfig &scaling, int64_t maxContext, RopeSpec &rope) {
  const char *key = scaling.has("rope_type") ? "rope_type" : "type";
  INGOT_ASSIGN(const std::string kind, scaling.text(key, "default"));
  INGOT_ASSIGN(const double part, scaling.number("partial_rotary_factor", {0, 1}, 1));
  if (part != 1)
    return scaling.refuse("rope-partial", "partial_rotary_factor",
                          "heads that rotate only in part are not supported");
  if (kind == "default")
    return Status::ok();
  if (kind != "linear" && kind != "llama3")
    return refuseScaling(scaling, key, kind);
  INGOT_ASSIGN(rope.factor, scaling.number("factor", kFactor));
  rope.scaling = kind == "linear" ? RopeScaling::Linear : RopeScaling::Llama3;
  return kind == "linear" ? Status::ok() : readLlama3(scaling, maxContext, rope);
}

/// Long waves are divided by the factor, short ones kept, those between go over linearly.
float scaleLlama3(float frequency, const RopeSpec &rope) {
  const auto original = static_cast<float>(rope.originalContext);
  const auto low = static_cast<float>(rope.lowFrequencyFactor);
  const auto factor = static_cast<float>(rope.factor);
  const float wave = static_cast<float>(2 * std::numbers::pi) / frequency; // positions per turn
  if (wave > static_cast<float>(rope.originalContext / rope.lowFrequencyFactor))
    return frequency / factor;
  if (wave < static_cast<float>(rope.originalContext / rope.highFrequencyFactor))
    return frequency;
  const float smooth = (original / wave - low) /
                       static_cast<float>(rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

} // namespace

Result<RopeSpec> readRope(const HfConfig &config, int64_t maxContext) {
  RopeSpec rope;
  INGOT_ASSIGN(rope.theta, config.number("rope_theta", kTheta, rope.theta));
  INGOT_ASSIGN(const double part, config.number("partial_rotary_factor", {0, 1}, 1));
  if (part != 1)
    return config.refuse("rope-partial", "partial_rotary_factor",
                         "heads that rotate only in part are not supported");
  INGOT_ASSIGN(const std::optional<HfConfig> parameters, config.section("rope_parameters"));
  if (parameters) {
    INGOT_ASSIGN(rope.theta, parameters->number("rope_theta", kTheta, rope.theta));
    INGOT_TRY(readScaling(*parameters, maxContext, rope));
    return rope;
  }
  INGOT_ASSIGN(const std::optional<HfConfig> scaling, config.section("rope_scaling"));
  if (scaling)
    INGOT_TRY(readScaling(*scaling, maxContext, rope));
  return rope;
}

std::vector<float> inverseFrequencies(const RopeSpec &rope, int64_t headDim) {
  std::vector<float> frequencies(static_cast<size_t>(headDim / 2));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(headDim);
    const auto power = static_cast<float>(std::pow(
        static_cast<double>(static_cast<float>(rope.theta)), static_cast<double>(exponent)));
    float frequency = 1.0f / power;
    if (rope.scaling == RopeScaling::Linear)
      frequency /= static_cast<float>(rope.factor);
    if (rope.scaling == RopeScaling::Llama3)
      frequency = scaleLlama3(frequency, rope);
    frequencies[i] = frequency;
  }
  return frequencies;
}

} // namespace ingot
