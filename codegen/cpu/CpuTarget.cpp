#include "codegen/Target.h"

#include "codegen/ParallelTasks.h"
#include "codegen/ReadKernel.h"
#include "codegen/cpu/Linker.h"
#include "codegen/cpu/ObjectEmitter.h"
#include "codegen/cpu/kernels/EmitAttention.h"
#include "codegen/cpu/kernels/EmitMatmul.h"
#include "codegen/cpu/kernels/EmitRowwise.h"

#include <algorithm>

using namespace ingot::cpu;

namespace ingot {

namespace {

/// One kernel at one level.
struct Task {
  const KernelProgram *program;
  const std::string *name;
  CpuLevel level;
  std::string object;
  uint64_t scratchBytes = 0;
  Status status;
};

uint64_t emitProgram(KernelBuilder &builder, const KernelProgram &program, std::string_view name) {
  const auto has = [&](OpKind kind) {
    return std::any_of(program.ops.begin(), program.ops.end(),
                       [&](const ProgramOp &op) { return op.kind == kind; });
  };
  if (has(OpKind::Linear))
    return emitMatmul(builder, program, name);
  if (has(OpKind::PagedAttention))
    return emitAttention(builder, program, name);
  return emitRowwise(builder, program, name);
}

void runTask(Task &task) {
  KernelBuilder builder(task.level);
  task.scratchBytes = emitProgram(builder, *task.program, *task.name);
  Result<std::string> object = emitKernel(builder, EmitKind::Object);
  if (object)
    task.object = std::move(*object);
  else
    task.status = std::move(object).status().at(*task.name);
}

Result<std::vector<CpuLevel>> levelsOf(std::span<const std::string> names) {
  std::vector<CpuLevel> levels;
  for (const std::string &name : names) {
    INGOT_ASSIGN(const CpuLevel level, parseLevel(name));
    levels.push_back(level);
  }
  if (levels.empty())
    for (int i = 0; i < kCpuLevelCount; ++i)
      levels.push_back(static_cast<CpuLevel>(i));
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

Result<CompiledImage> linkLevel(CpuLevel level, std::span<Task> tasks) {
  std::vector<std::string> objects, names;
  for (Task &task : tasks) {
    INGOT_TRY(std::move(task.status));
    objects.push_back(std::move(task.object));
    names.push_back(*task.name);
  }
  INGOT_ASSIGN(const std::string image, linkImage(objects, names));
  CompiledImage compiled;
  compiled.level = levelName(level);
  for (CpuFeature feature : levelFeatures(level))
    compiled.features.push_back(featureName(feature));
  compiled.bytes.assign(image.begin(), image.end());
  return compiled;
}

} // namespace

Result<CompiledKernels> compileCpuKernels(std::span<const KernelRequest> requests,
                                          std::span<const std::string> levelNames, unsigned threads,
                                          const std::function<void(double)> &progress) {
  INGOT_ASSIGN(const std::vector<CpuLevel> levels, levelsOf(levelNames));
  std::vector<KernelProgram> programs;
  for (const KernelRequest &request : requests) {
    INGOT_ASSIGN(KernelProgram program, readKernelProgram(request.fused));
    programs.push_back(std::move(program));
  }
  std::vector<Task> tasks;
  for (CpuLevel level : levels)
    for (size_t i = 0; i < requests.size(); ++i)
      tasks.push_back({&programs[i], &requests[i].name, level, {}, 0, {}});
  runTasks(tasks.size(), threads, [&](size_t i) { runTask(tasks[i]); }, progress);

  CompiledKernels compiled;
  compiled.scratchBytes.assign(requests.size(), 0);
  for (size_t l = 0; l < levels.size(); ++l) {
    const std::span<Task> own(tasks.data() + l * requests.size(), requests.size());
    for (size_t i = 0; i < own.size(); ++i)
      compiled.scratchBytes[i] = std::max(compiled.scratchBytes[i], own[i].scratchBytes);
    INGOT_ASSIGN(CompiledImage image, linkLevel(levels[l], own));
    compiled.images.push_back(std::move(image));
  }
  return compiled;
}

} // namespace ingot
