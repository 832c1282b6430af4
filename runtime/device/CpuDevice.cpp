#include "runtime/device/CpuDevice.h"

#include "runtime/base/Format.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>
#include <sched.h>

namespace ingot {

uint32_t availableProcessors() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return std::max(1u, std::thread::hardware_concurrency());
  return std::max(1, CPU_COUNT(&allowed));
}

Result<std::unique_ptr<CpuDevice>> CpuDevice::create(const Artifact &artifact,
                                                     const CpuOptions &options) {
  std::unique_ptr<CpuDevice> device(new CpuDevice);
  INGOT_TRY(device->loadKernels(artifact, options.level));
  const uint32_t threads = options.threads ? options.threads : availableProcessors();
  INGOT_ASSIGN(device->team_, ThreadTeam::create({threads, options.pin}));
  for (int parity = 0; parity < 2; ++parity)
    device->queues_.emplace_back(threads);
  const uint64_t scratchBytes =
      std::max<uint64_t>(64, artifact.manifest().programOf("cpu")->memory.scratchBytesPerWorker);
  for (uint32_t member = 0; member < threads; ++member) {
    INGOT_ASSIGN(AnonymousMemory scratch, AnonymousMemory::allocate(scratchBytes));
    device->scratch_.push_back(std::move(scratch));
  }
  device->profile_ = options.profile;
  return device;
}

CpuDevice::~CpuDevice() = default;

Status CpuDevice::loadKernels(const Artifact &artifact, const std::string &level) {
  const artifact::TargetProgram *program = artifact.manifest().programOf("cpu");
  if (!program)
    return {ErrorClass::Unavailable, "cpu-code-absent",
            format("%s: the artifact has no code for CPUs; use --device cuda, or compile it again "
                   "with --target cpu",
                   artifact.path().c_str())};
  INGOT_ASSIGN(const uint32_t index, artifact.chooseImage(CpuFeatures::host(), level));
  INGOT_ASSIGN(image_, artifact.loadImage(index));
  level_ = artifact.manifest().images[index].level;
  kernelInfo_ = &program->kernels;
  for (const artifact::Kernel &kernel : *kernelInfo_) {
    INGOT_ASSIGN(const abi::KernelFn function, image_.kernel(kernel.name));
    kernels_.push_back(function);
  }
  return Status::ok();
}

std::string CpuDevice::describe() const {
  return format("cpu %s, %u %s", level_.c_str(), workers(), workers() == 1 ? "thread" : "threads");
}

Ticket CpuDevice::launch(const Program &program, const Step &step) {
  outcome_ = countItems(program, step.symbols);
  if (outcome_.isOk()) {
    failure_.store(0, std::memory_order_relaxed);
    for (uint32_t member = 0; member < team_->size() && !items_.empty(); ++member)
      queues_[0].fill(member, items_[0]);
    std::vector<CommandTime> *times = profile_ ? &times_[&program] : nullptr;
    if (times)
      times->resize(program.commands.size());
    team_->run(
        [&](uint32_t member) { runCommands(program, member, member == 0 ? times : nullptr); });
    if (failure_.load(std::memory_order_relaxed) != 0)
      outcome_ = describeFailure(program);
  }
  return {++launched_};
}

Status CpuDevice::wait([[maybe_unused]] Ticket ticket) {
  assert(ticket.number == launched_ && "one step at a time");
  return outcome_;
}

void CpuDevice::forEach(uint32_t items, const std::function<void(uint32_t)> &fn) {
  forEachOnTeam(*team_, items, fn);
}

Status CpuDevice::countItems(const Program &program, const artifact::SymbolValues &symbols) {
  items_.clear();
  for (const Command &command : program.commands) {
    const std::optional<uint64_t> items = artifact::evaluate(*command.items, symbols);
    if (!items || *items > std::numeric_limits<uint32_t>::max())
      return {ErrorClass::Data, "items-overflow",
              format("launch %.*s has more than 2^32 items at %llu tokens; the artifact is damaged",
                     static_cast<int>(command.label.size()), command.label.data(),
                     static_cast<unsigned long long>(symbols.tokens))};
    items_.push_back(static_cast<uint32_t>(*items));
  }
  return Status::ok();
}

/// All pieces of command `index` that this member gets hold of.
void CpuDevice::runItems(const Program &program, size_t index, uint32_t member) {
  const Command &command = program.commands[index];
  ItemQueue &queue = queues_[index % 2];
  for (;;) {
    const ItemRange piece = queue.take(member, items_[index]);
    // After a failure the members still meet at every barrier, so that none waits for ever.
    if (piece.begin == piece.end || failure_.load(std::memory_order_relaxed) != 0)
      return;
    const int32_t code = kernels_[command.kernel](program.args.data() + command.firstArg,
                                                  piece.begin, piece.end, scratch_[member].data());
    uint64_t none = 0;
    if (code != 0)
      failure_.compare_exchange_strong(none, uint64_t(index) << 32 | static_cast<uint32_t>(code));
  }
}

void CpuDevice::runCommands(const Program &program, uint32_t member,
                            std::vector<CommandTime> *times) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = times ? Clock::now() : Clock::time_point();
  const size_t count = program.commands.size();
  for (size_t i = 0; i < count; ++i) {
    runItems(program, i, member);
    if (i + 1 < count)
      queues_[(i + 1) % 2].fill(member, items_[i + 1]);
    team_->barrier();
    if (!times)
      continue;
    const Clock::time_point end = Clock::now();
    CommandTime &time = (*times)[i];
    time.label = program.commands[i].label;
    time.kernel = (*kernelInfo_)[program.commands[i].kernel].name;
    time.seconds += std::chrono::duration<double>(end - start).count();
    ++time.calls;
    start = end;
  }
}

Status CpuDevice::describeFailure(const Program &program) const {
  const uint64_t failure = failure_.load(std::memory_order_relaxed);
  const Command &command = program.commands[failure >> 32];
  return {ErrorClass::Internal, "kernel-failed",
          format("kernel %s of launch %.*s returned code %d",
                 (*kernelInfo_)[command.kernel].name.c_str(),
                 static_cast<int>(command.label.size()), command.label.data(),
                 static_cast<int32_t>(failure & 0xffffffffu))};
}

} // namespace ingot
