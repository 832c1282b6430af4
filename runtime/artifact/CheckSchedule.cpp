// Rules about schedules: every launch evaluated at the corner of its schedule's bounds.
#include "runtime/artifact/ManifestRules.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace ingot::artifact {

namespace {

constexpr size_t kNever = ~size_t(0);

using KernelArgs = std::unordered_map<uint32_t, const Launch *>;

/// One schedule under examination.
class ScheduleChecker {
public:
  /// `kernelArgs`: the first launch of each kernel, shared by all schedules.
  /// `signature`: what the schedule must have.
  ScheduleChecker(const Manifest &manifest, const Schedule &schedule, uint64_t signature,
                  const Place &place, KernelArgs &kernelArgs)
      : m_(manifest), s_(schedule), signature_(signature), place_(place), kernelArgs_(kernelArgs),
        bounds_(symbolBounds(schedule, manifest.memory)), bytes_(manifest.plan.buffers.size()),
        firstWrite_(bytes_.size(), kNever), lastAccess_(bytes_.size(), kNever),
        named_(bytes_.size(), kNever), passed_(bytes_.size(), kNever) {}

  Status check();

private:
  Status checkHead();
  Status placeBuffers();
  Status checkLaunch(size_t index);
  Status checkAccesses(size_t index, const Place &place);
  Status checkArg(const Arg &arg, size_t launch, const Place &place);
  Status checkLayout(const Param &param, const Place &place) const;
  Status checkKernelArgs(const Launch &launch, const Place &place);
  Status checkLifetimes();
  Status checkOutput();
  bool isArena(size_t buffer) const { return m_.plan.buffers[buffer].kind == BufferKind::Arena; }

  const Manifest &m_;
  const Schedule &s_;
  uint64_t signature_;
  const Place &place_;
  KernelArgs &kernelArgs_;
  SymbolValues bounds_;
  std::vector<uint64_t> bytes_;    ///< per buffer at the bounds
  std::vector<size_t> firstWrite_; ///< per buffer: launch index or kNever
  std::vector<size_t> lastAccess_; ///< per buffer
  std::vector<size_t> named_;      ///< per buffer: last launch that reads or writes it
  std::vector<size_t> passed_;     ///< per buffer: last launch that has it as an argument
};

Status ScheduleChecker::checkHead() {
  if (s_.maxTokens == 0 || s_.maxTokens > m_.memory.maxBatchTokens)
    return broken(kPlanId, {"max_tokens", -1, &place_},
                  format("%u, a step has 1..%u", s_.maxTokens, m_.memory.maxBatchTokens));
  if (s_.signature != signature_)
    return broken("artifact-signature", {"signature", -1, &place_},
                  format("%016llx, should be %016llx: schedules must compute the same bits",
                         ull(s_.signature), ull(signature_)));
  if (s_.arenaBytes > m_.memory.arenaBytes)
    return broken(kPlanId, {"arena_bytes", -1, &place_},
                  format("%llu, the memory contract grants %llu", ull(s_.arenaBytes),
                         ull(m_.memory.arenaBytes)));
  if (s_.offsets.size() != bytes_.size())
    return broken(kPlanId, {"offsets", -1, &place_},
                  format("%zu entries for %zu buffers", s_.offsets.size(), bytes_.size()));
  return Status::ok();
}

Status ScheduleChecker::placeBuffers() {
  for (size_t i = 0; i < bytes_.size(); ++i) {
    const Buffer &buffer = m_.plan.buffers[i];
    const Place place{"offsets", static_cast<int64_t>(i), &place_};
    const CheckedU64 bytes = CheckedU64(bounds_.of(buffer.rows)) * CheckedU64(buffer.rowBytes);
    bytes_[i] = bytes.valueOrMax();
    const uint64_t offset = s_.offsets[i];
    if (offset == kUnusedBuffer)
      continue;
    if (!isArena(i))
      return broken(kPlanId, place,
                    format("%llu, but buffer %zu is io and not in the arena", ull(offset), i));
    if (!bytes.ok() || offset % buffer.align != 0 ||
        !(CheckedU64(offset) + bytes).atMost(s_.arenaBytes))
      return broken(kPlanId, place,
                    format("%llu bytes at %llu (alignment %u) in an arena of %llu", ull(bytes_[i]),
                           ull(offset), buffer.align, ull(s_.arenaBytes)));
  }
  return Status::ok();
}

Status ScheduleChecker::checkAccesses(size_t index, const Place &place) {
  const Launch &launch = s_.launches[index];
  const auto visit = [&](const std::vector<uint32_t> &list, bool isWrite) -> Status {
    for (size_t i = 0; i < list.size(); ++i) {
      const Place at{isWrite ? "writes" : "reads", static_cast<int64_t>(i), &place};
      const uint32_t b = list[i];
      if (b >= bytes_.size())
        return broken(kPlanId, at, format("buffer %u of %zu", b, bytes_.size()));
      if (isArena(b) && s_.offsets[b] == kUnusedBuffer)
        return broken(kPlanId, at, format("buffer %u has no place in this schedule's arena", b));
      if (!isWrite && isArena(b) && (firstWrite_[b] == kNever || firstWrite_[b] == index))
        return broken(kPlanId, at,
                      format("buffer %u (%s) is read before any launch has written it", b,
                             m_.plan.buffers[b].name.c_str()));
      if (isWrite && firstWrite_[b] == kNever)
        firstWrite_[b] = index;
      lastAccess_[b] = named_[b] = index;
    }
    return Status::ok();
  };
  INGOT_TRY(visit(launch.reads, false));
  return visit(launch.writes, true);
}

Status ScheduleChecker::checkArg(const Arg &arg, size_t launch, const Place &place) {
  const Plan &plan = m_.plan;
  switch (arg.kind) {
  case ArgKind::Batch:
  case ArgKind::Constant:
    return Status::ok();
  case ArgKind::Kv:
    if (arg.index >= plan.kvGroups.size() || arg.value >= plan.kvGroups[arg.index].layers)
      return broken(kPlanId, place,
                    format("KV group %u of %zu, layer %llu", arg.index, plan.kvGroups.size(),
                           ull(arg.value)));
    return Status::ok();
  case ArgKind::Buffer:
    if (arg.index >= bytes_.size() || arg.value >= bytes_[arg.index])
      return broken(
          kPlanId, place,
          format("buffer %u of %zu, offset %llu", arg.index, bytes_.size(), ull(arg.value)));
    if (named_[arg.index] != launch)
      return broken(kPlanId, place,
                    format("buffer %u is neither in reads nor in writes", arg.index));
    passed_[arg.index] = launch;
    return Status::ok();
  case ArgKind::Param:
    if (arg.index >= m_.params.size() || arg.value >= m_.params[arg.index].data.bytes)
      return broken(
          kPlanId, place,
          format("parameter %u of %zu, offset %llu", arg.index, m_.params.size(), ull(arg.value)));
    return checkLayout(m_.params[arg.index], place);
  }
  return Status::ok();
}

/// Kernels of a target read matrices in its layout.
Status ScheduleChecker::checkLayout(const Param &param, const Place &place) const {
  const LayoutKind own = m_.target == "cuda" ? LayoutKind::Mma16 : LayoutKind::Panel32;
  const std::string row = layoutName(LayoutKind::Row);
  if ((m_.target != "cpu" && m_.target != "cuda") || param.layout == row ||
      param.layout == layoutName(own))
    return Status::ok();
  return broken(kPlanId, place,
                format("parameter %s is in layout %s; kernels of target %s read %s or %s",
                       param.name.c_str(), param.layout.c_str(), m_.target.c_str(), row.c_str(),
                       layoutName(own)));
}

Status ScheduleChecker::checkKernelArgs(const Launch &launch, const Place &place) {
  if (launch.kernel >= m_.kernels.size())
    return broken(kPlanId, {"kernel", -1, &place},
                  format("kernel %u of %zu", launch.kernel, m_.kernels.size()));
  const Launch &first = *kernelArgs_.try_emplace(launch.kernel, &launch).first->second;
  const bool same =
      std::equal(first.args.begin(), first.args.end(), launch.args.begin(), launch.args.end(),
                 [](const Arg &a, const Arg &b) { return a.kind == b.kind; });
  if (!same)
    return broken(
        kPlanId, {"args", -1, &place},
        format(
            "%zu arguments differ in number or kinds from the %zu of the first launch of kernel %s",
            launch.args.size(), first.args.size(), m_.kernels[launch.kernel].name.c_str()));
  return Status::ok();
}

Status ScheduleChecker::checkLaunch(size_t index) {
  const Launch &launch = s_.launches[index];
  const Place place{"launches", static_cast<int64_t>(index), &place_};
  if (launch.device != 0)
    return broken(kPlanId, place, format("device %u; this runtime has device 0", launch.device));
  const std::optional<uint64_t> items = evaluate(launch.items, bounds_);
  if (!items || *items > ~uint32_t(0))
    return broken(kPlanId, {"items", -1, &place},
                  "more than 2^32 - 1 items at the schedule's bounds, or a "
                  "ceil_div of 0");
  INGOT_TRY(checkAccesses(index, place));
  for (size_t i = 0; i < launch.args.size(); ++i)
    INGOT_TRY(checkArg(launch.args[i], index, {"args", static_cast<int64_t>(i), &place}));
  if (launch.kind != LaunchKind::Kernel)
    return Status::ok();
  INGOT_TRY(checkKernelArgs(launch, place));
  for (const std::vector<uint32_t> *list : {&launch.reads, &launch.writes})
    for (uint32_t buffer : *list)
      if (passed_[buffer] != index)
        return broken(kPlanId, place,
                      format("buffer %u is read or written but no argument", buffer));
  return Status::ok();
}

Status ScheduleChecker::checkLifetimes() {
  std::vector<size_t> order; // arena buffers by first write
  for (size_t i = 0; i < bytes_.size(); ++i)
    if (isArena(i) && firstWrite_[i] != kNever)
      order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return firstWrite_[a] != firstWrite_[b] ? firstWrite_[a] < firstWrite_[b] : a < b;
  });
  std::vector<size_t> live;
  for (size_t b : order) {
    std::erase_if(live, [&](size_t other) { return lastAccess_[other] < firstWrite_[b]; });
    for (size_t other : live)
      if (s_.offsets[b] < s_.offsets[other] + bytes_[other] &&
          s_.offsets[other] < s_.offsets[b] + bytes_[b])
        return broken(kPlanId, {"offsets", static_cast<int64_t>(b), &place_},
                      format("buffers %zu and %zu share arena bytes while both live at launch %zu "
                             "(%llu bytes at %llu, %llu at %llu)",
                             b, other, firstWrite_[b], ull(bytes_[b]), ull(s_.offsets[b]),
                             ull(bytes_[other]), ull(s_.offsets[other])));
    live.push_back(b);
  }
  return Status::ok();
}

Status ScheduleChecker::checkOutput() {
  const uint32_t buffer = m_.plan.outputBuffer(s_.output);
  if (firstWrite_[buffer] == kNever)
    return broken(kPlanId, {"output", -1, &place_},
                  format("%s, but no launch writes buffer %u", nameOf(s_.output), buffer));
  return Status::ok();
}

Status ScheduleChecker::check() {
  INGOT_TRY(checkHead());
  INGOT_TRY(placeBuffers());
  for (size_t i = 0; i < s_.launches.size(); ++i)
    INGOT_TRY(checkLaunch(i));
  INGOT_TRY(checkLifetimes());
  return checkOutput();
}

} // namespace

/// Whatever fits max_batch_tokens has a schedule: Logits always, others when there is one at all.
static Status checkCoverage(const Manifest &m, StepOutput output) {
  uint32_t most = 0;
  for (const Schedule &schedule : m.plan.schedules)
    if (schedule.output == output)
      most = std::max(most, schedule.maxTokens);
  const bool optional = output != StepOutput::Logits && most == 0;
  if (most != m.memory.maxBatchTokens && !optional)
    return broken(kPlanId, {"plan.schedules"},
                  format("schedules with output %s reach %u tokens, a step may have %u",
                         nameOf(output), most, m.memory.maxBatchTokens));
  return Status::ok();
}

/// What a schedule must have: the signature of its list; in profile fast that of the first of its
/// bucket.
static uint64_t signatureOf(const Manifest &m, const std::vector<Schedule> &schedules,
                            const Schedule &schedule, uint64_t ofList) {
  if (m.profile != kProfileFast)
    return ofList;
  const auto first = std::find_if(schedules.begin(), schedules.end(), [&](const Schedule &other) {
    return other.maxTokens == schedule.maxTokens;
  });
  return first->signature;
}

/// The schedules of a plan or of a probe.
static Status checkList(const Manifest &m, const std::vector<Schedule> &schedules,
                        uint64_t signature, const Place &parent, KernelArgs &kernelArgs) {
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < schedules.size(); ++i) {
    const Place place{"schedules", static_cast<int64_t>(i), &parent};
    const Schedule &schedule = schedules[i];
    if (schedule.name.empty() || !names.insert(schedule.name).second)
      return broken(kPlanId, place,
                    format("name \"%s\" is empty or used twice", schedule.name.c_str()));
    const uint64_t wanted = signatureOf(m, schedules, schedule, signature);
    INGOT_TRY(ScheduleChecker(m, schedule, wanted, place, kernelArgs).check());
  }
  return Status::ok();
}

Status checkSchedules(const Manifest &m) {
  KernelArgs kernelArgs; // probes, too, must call kernels as the plan does
  INGOT_TRY(checkList(m, m.plan.schedules, m.plan.signature, {"plan"}, kernelArgs));
  for (const StepOutput output : {StepOutput::Logits, StepOutput::Argmax, StepOutput::Sampled})
    INGOT_TRY(checkCoverage(m, output));
  for (size_t i = 0; i < m.probes.size(); ++i) {
    const Place place{"probes", static_cast<int64_t>(i)};
    const std::vector<Schedule> &schedules = m.probes[i].schedules;
    if (schedules.empty() || schedules[0].output != StepOutput::Logits)
      return broken(kPlanId, {"schedules", -1, &place}, "none, or the first does not write logits");
    INGOT_TRY(checkList(m, schedules, schedules[0].signature, place, kernelArgs));
  }
  return Status::ok();
}

} // namespace ingot::artifact
