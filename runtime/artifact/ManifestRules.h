// Private to the manifest checks: how a broken rule names its place, and the groups of rules.
#pragma once

#include "runtime/artifact/Manifest.h"
#include "runtime/artifact/WeightLayout.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::artifact {

/// A field of the manifest: "plan.schedules[1].launches[12].args[3]". A chain on the stack, turned
/// into text only when a rule is broken.
struct Place {
  const char *name;
  int64_t index = -1; ///< -1 = not an element of a vector
  const Place *parent = nullptr;

  std::string text() const;
};

/// The Status of a broken rule: "<place>: <why>; compile the artifact again".
Status broken(const char *id, const Place &place, const std::string &why);

/// Id of every error in buffers, launches and schedules.
inline constexpr const char *kPlanId = "artifact-plan";

/// A byte range with the index of its owner.
struct Interval {
  uint64_t begin = 0, end = 0; ///< [begin, end)
  size_t owner = 0;
};
/// Sorts by begin; the owners of the first overlapping pair, or nothing.
std::optional<std::pair<Interval, Interval>> findOverlap(std::vector<Interval> &intervals);

// Each group assumes that the ones before it passed.
Status checkVersions(const Manifest &manifest);
Status checkSegments(const Manifest &manifest,
                     uint64_t manifestOffset); ///< files, segments, tokenizer
Status checkParams(const Manifest &manifest);
Status checkImages(const Manifest &manifest); ///< of all targets
// Of the manifest's own target.
Status checkKernels(const Manifest &manifest);
Status checkKvGroups(const Manifest &manifest);
Status checkContract(const Manifest &manifest); ///< memory contract
Status checkBuffers(const Manifest &manifest);
Status checkSchedules(const Manifest &manifest); ///< launches, arguments, lifetimes; probes
Status checkKnownAnswers(const Manifest &manifest);
// Of the artifact.
Status checkText(const Manifest &manifest); ///< generation, provenance

} // namespace ingot::artifact
