#include "compiler/Formats.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot {
namespace {

/// Formats of weights that are asked for, each once.
std::vector<std::string> formatsOf(const CompileOptions &options) {
  std::vector<std::string> formats = {options.linear.format};
  for (const std::optional<WeightScheme> &scheme : {options.head, options.embedding})
    if (scheme)
      formats.push_back(scheme->format);
  for (const std::string &text : options.overrides) {
    const std::string scheme = text.substr(text.rfind('=') + 1);
    formats.push_back(scheme.substr(0, scheme.find(':')));
  }
  return formats;
}

Status checkCpu(const CompileOptions &options) {
  const auto refuse = [](const std::string &what, const char *instead) {
    return Status(
        ErrorClass::Config, "format-target",
        format("target cpu has no kernels for %s; compile it with --target cuda alone, or "
               "use %s",
               what.c_str(), instead));
  };
  for (const std::string &name : formatsOf(options))
    if (name == "fp8" || name == "fp16")
      return refuse(name + " weights", name == "fp8" ? "int8" : "bf16");
  if (options.activations != "bf16")
    return refuse("--activations " + options.activations,
                  "no --activations (its int8 rows have a scale per 32 columns)");
  if (!options.kvFormat.empty() && options.kvFormat != "bf16")
    return refuse("--kv-format " + options.kvFormat, "bf16");
  if (options.profile == Profile::Fast)
    return refuse("--profile fast", "invariant");
  return Status::ok();
}

/// Whether matrix units of the architecture multiply fp8 ("host": those that are imitated).
bool hasFp8(const std::string &architecture) {
  const size_t digits = architecture.find_first_of("0123456789");
  return digits == std::string::npos || std::atoi(architecture.c_str() + digits) >= 89;
}

Status checkArchitectures(const CompileOptions &options) {
  std::string without, with;
  for (const std::string &name : options.architectures)
    (hasFp8(name) ? with : without) += name + ",";
  if (without.empty())
    return Status::ok();
  without.pop_back();
  return Status(ErrorClass::Config, "format-architecture",
                format("--activations fp8 needs the matrix units of sm_89 and later; %s lack%s "
                       "them: leave them out (--target cuda:%s) or use --activations bf16",
                       without.c_str(), without.find(',') == std::string::npos ? "s" : "",
                       with.empty() ? "sm_89" : with.substr(0, with.size() - 1).c_str()));
}

} // namespace

Status checkFormats(const CompileOptions &options) {
  if (options.cpu)
    INGOT_TRY(checkCpu(options));
  if (options.activations == "bf16")
    return Status::ok();
  if (options.linear.format != options.activations)
    return Status(
        ErrorClass::Config, "activations-format",
        format("--activations %s is for weights of the same numbers, and the linear layers "
               "have %s; add --quant %s",
               options.activations.c_str(), options.linear.format.c_str(),
               options.activations.c_str()));
  return options.activations == "fp8" ? checkArchitectures(options) : Status::ok();
}

} // namespace ingot
