#include "runtime/tools/ModelWork.h"

#include <set>

namespace ingot::tools {
namespace {

const artifact::Schedule *decodeSchedule(const artifact::Plan &plan, uint32_t tokens) {
  const artifact::Schedule *logits = nullptr;
  for (const artifact::Schedule &schedule : plan.schedules) {
    if (schedule.maxTokens < tokens)
      continue;
    if (schedule.output == artifact::StepOutput::Argmax)
      return &schedule;
    if (!logits)
      logits = &schedule;
  }
  return logits;
}

bool writesReturnedRows(const artifact::Plan &plan, const artifact::Launch &launch) {
  for (const uint32_t buffer : launch.writes)
    if (plan.buffers[buffer].rows == artifact::Symbol::ReturnedRows)
      return true;
  return false;
}

} // namespace

ModelWork modelWork(const artifact::Manifest &manifest, uint32_t tokens) {
  ModelWork work;
  const artifact::Schedule *schedule = decodeSchedule(manifest.plan, tokens);
  if (!schedule)
    return work;
  std::set<uint32_t> read;
  for (const artifact::Launch &launch : schedule->launches)
    for (const artifact::Arg &arg : launch.args) {
      if (arg.kind != artifact::ArgKind::Param || read.count(arg.index))
        continue;
      const artifact::Param &param = manifest.params[arg.index];
      const bool matrix = param.shape.size() == 2;
      if (matrix && manifest.kernels[launch.kernel].family != "matmul") {
        // A table of which each token takes one row; read whole where it is also the head.
        work.gatheredBytes += param.data.bytes / std::max<uint64_t>(1, param.shape[0]);
        continue;
      }
      read.insert(arg.index);
      work.weightBytes += param.data.bytes;
      if (matrix)
        (writesReturnedRows(manifest.plan, launch) ? work.opsPerRow : work.opsPerToken) +=
            2 * param.shape[0] * param.shape[1];
    }
  for (const artifact::KvGroup &group : manifest.plan.kvGroups)
    if (group.blockTokens)
      work.kvBytes += group.blockBytes / group.blockTokens;
  return work;
}

} // namespace ingot::tools
