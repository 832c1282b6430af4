// The order of the semantic checks, and the rules about versions, defaults and texts.
#include "runtime/artifact/Container.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/artifact/ManifestRules.h"
#include "runtime/base/Format.h"
#include "runtime/base/Version.h"

#include <algorithm>
#include <cmath>

namespace ingot::artifact {

std::string Place::text() const {
  std::string prefix = parent ? parent->text() + "." : "";
  return prefix +
         (index < 0 ? std::string(name) : format("%s[%lld]", name, static_cast<long long>(index)));
}

Status broken(const char *id, const Place &place, const std::string &why) {
  return Status(ErrorClass::Data, id, place.text() + ": " + why + "; compile the artifact again");
}

std::optional<std::pair<Interval, Interval>> findOverlap(std::vector<Interval> &intervals) {
  std::sort(intervals.begin(), intervals.end(), [](const Interval &a, const Interval &b) {
    return a.begin != b.begin ? a.begin < b.begin : a.owner < b.owner;
  });
  for (size_t i = 1; i < intervals.size(); ++i)
    if (intervals[i].begin < intervals[i - 1].end)
      return std::pair(intervals[i - 1], intervals[i]);
  return std::nullopt;
}

/// Features of artifacts before the first release, whose meaning has changed since.
static constexpr std::string_view kFormerFeatures[] = {"target-cuda"};

static Status checkFeature(const std::string &name, size_t index) {
  if (name == kFeatureTargetCuda)
    return Status::ok();
  const bool former = std::find(std::begin(kFormerFeatures), std::end(kFormerFeatures), name) !=
                      std::end(kFormerFeatures);
  return Status(
      ErrorClass::Unavailable, "artifact-requires",
      format("requires[%zu]: the artifact needs the feature \"%s\", which Ingot %s %s", index,
             name.c_str(), versionText(),
             former ? "no longer has; compile the model again with the ingotc of this version"
                    : "does not have; use a newer ingot"));
}

Status checkVersions(const Manifest &m) {
  if (m.formatVersion != kFormatVersion)
    return Status(
        ErrorClass::Data, "artifact-version",
        format("format_version: %u in the manifest, %u in the header; compile the artifact again",
               m.formatVersion, kFormatVersion));
  if (m.kernelAbi != abi::kKernelAbiVersion)
    return Status(
        ErrorClass::Unavailable, "artifact-abi",
        format("kernel_abi: its code uses kernel interface %u, this runtime has %u; use the "
               "runtime that belongs to the artifact, or compile it again",
               m.kernelAbi, abi::kKernelAbiVersion));
  if (!m.minimumRuntime.empty()) {
    const Result<Version> minimum = parseVersion(m.minimumRuntime);
    if (!minimum)
      return broken("artifact-version", {"minimum_runtime"}, minimum.status().message());
    if (*minimum > runtimeVersion())
      return Status(
          ErrorClass::Unavailable, "artifact-version",
          format("minimum_runtime: the artifact needs Ingot %s, this is %s; use a newer runtime",
                 m.minimumRuntime.c_str(), versionText()));
  }
  for (size_t i = 0; i < m.requires_.size(); ++i)
    INGOT_TRY(checkFeature(m.requires_[i], i));
  return Status::ok();
}

static bool within(float value, float low, float high) { return value >= low && value <= high; }

static Status checkGeneration(const Manifest &m) {
  const GenerationDefaults &g = m.generation;
  const Place place{"generation"};
  if (!within(g.temperature, 0, 1e6f) || !within(g.topP, 0, 1) || !within(g.minP, 0, 1))
    return broken("artifact-generation", place,
                  format("temperature %g, top_p %g, min_p %g: finite, the last two in 0..1",
                         static_cast<double>(g.temperature), static_cast<double>(g.topP),
                         static_cast<double>(g.minP)));
  for (size_t i = 0; i < g.stopIds.size(); ++i)
    if (g.stopIds[i] >= m.plan.vocab)
      return broken("artifact-generation", {"stop_ids", static_cast<int64_t>(i), &place},
                    format("token %u of a vocabulary of %u", g.stopIds[i], m.plan.vocab));
  if (g.bosId < -1 || (g.bosId >= 0 && static_cast<uint32_t>(g.bosId) >= m.plan.vocab))
    return broken("artifact-generation", {"bos_id", -1, &place},
                  format("token %d of a vocabulary of %u", g.bosId, m.plan.vocab));
  return Status::ok();
}

static Status checkKnownAnswer(const Manifest &m, const KnownAnswer &answer, const Place &place) {
  const char *id = "artifact-known-answer";
  if (answer.tokenIds.empty() || answer.tokenIds.size() > m.memory.maxContext)
    return broken(
        id, {"token_ids", -1, &place},
        format("%zu tokens, the context holds 1..%u", answer.tokenIds.size(), m.memory.maxContext));
  if (answer.indices.empty() || answer.logits.size() != answer.indices.size())
    return broken(
        id, place,
        format("%zu logits for %zu indices", answer.logits.size(), answer.indices.size()));
  const auto outside = [&](uint32_t token) { return token >= m.plan.vocab; };
  if (std::any_of(answer.tokenIds.begin(), answer.tokenIds.end(), outside) ||
      std::any_of(answer.indices.begin(), answer.indices.end(), outside))
    return broken(id, place, format("a token outside the vocabulary of %u", m.plan.vocab));
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(answer.logits.begin(), answer.logits.end(), finite) ||
      !finite(answer.tolerance) || answer.tolerance < 0)
    return broken(id, place, "logits and tolerance must be finite, the tolerance not negative");
  return Status::ok();
}

Status checkKnownAnswers(const Manifest &m) {
  for (size_t i = 0; i < m.knownAnswers.size(); ++i)
    INGOT_TRY(checkKnownAnswer(m, m.knownAnswers[i], {"known_answers", static_cast<int64_t>(i)}));
  for (size_t i = 0; i < m.probes.size(); ++i) {
    const Place probe{"probes", static_cast<int64_t>(i)};
    INGOT_TRY(checkKnownAnswer(m, m.probes[i].answer, {"answer", -1, &probe}));
  }
  return Status::ok();
}

Status checkText(const Manifest &m) {
  INGOT_TRY(checkGeneration(m));
  for (size_t i = 1; i < m.provenance.size(); ++i)
    if (m.provenance[i - 1].key >= m.provenance[i].key)
      return broken("artifact-provenance", {"provenance", static_cast<int64_t>(i)},
                    format("key \"%s\" after \"%s\": keys are unique and sorted",
                           m.provenance[i].key.c_str(), m.provenance[i - 1].key.c_str()));
  return Status::ok();
}

/// The rules of one target's program.
static Status checkProgram(const Manifest &manifest) {
  INGOT_TRY(checkKernels(manifest));
  INGOT_TRY(checkKvGroups(manifest));
  INGOT_TRY(checkContract(manifest));
  INGOT_TRY(checkBuffers(manifest));
  INGOT_TRY(checkSchedules(manifest));
  return checkKnownAnswers(manifest);
}

static Status checkPrograms(const Manifest &manifest) {
  INGOT_TRY(checkProgram(manifest));
  for (size_t i = 0; i < manifest.programs.size(); ++i) {
    const TargetProgram &program = manifest.programs[i];
    const Place place{"programs", static_cast<int64_t>(i)};
    if (program.target.empty() || manifest.programOf(program.target) != &program)
      return broken("artifact-program", place,
                    format("target \"%s\" is empty or used twice", program.target.c_str()));
    if (program.plan.vocab != manifest.plan.vocab)
      return broken("artifact-program", place,
                    format("a vocabulary of %u, the first target has %u", program.plan.vocab,
                           manifest.plan.vocab));
    INGOT_TRY(checkProgram(manifest.withProgram(program.target)).at(place.text()));
  }
  return Status::ok();
}

Status checkManifest(const Manifest &manifest, uint64_t manifestOffset) {
  INGOT_TRY(checkVersions(manifest));
  INGOT_TRY(checkSegments(manifest, manifestOffset));
  INGOT_TRY(checkParams(manifest));
  INGOT_TRY(checkImages(manifest));
  INGOT_TRY(checkPrograms(manifest));
  return checkText(manifest);
}

} // namespace ingot::artifact
