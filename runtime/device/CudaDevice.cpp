#include "runtime/device/CudaDevice.h"

#include "runtime/artifact/ModuleBundle.h"
#include "runtime/base/Format.h"
#include "runtime/device/CpuDevice.h"

#include <algorithm>
#include <cassert>

namespace ingot {

using namespace cuda;

/// What every step after the GPU was lost gets.
static constexpr const char *kLostId = "cuda-lost";
/// Of every piece of the weights.
static constexpr uint64_t kPieceAlign = 256;
/// Dynamic shared memory that a kernel may have without asking.
static constexpr uint32_t kPlainShared = 48 * 1024;

// ---- Making one
// ------------------------------------------------------------------------------------

Result<std::unique_ptr<CudaDevice>> CudaDevice::create(const Artifact &artifact,
                                                       const CudaOptions &options) {
  const artifact::Manifest &manifest = artifact.manifest();
  const artifact::TargetProgram *program = manifest.programOf("cuda");
  if (!program) // gives the reason
    return chooseCudaImage({}, {}, options.allowJit).status().at(artifact.path());
  INGOT_ASSIGN(std::shared_ptr<const Driver> driver, Driver::load());
  INGOT_ASSIGN(const Gpu gpu, driver->gpu(options.index));
  Result<ImageChoice> choice = chooseCudaImage(manifest.images, gpu, options.allowJit);
  if (!choice)
    return std::move(choice).status().at(artifact.path());

  std::unique_ptr<CudaDevice> device(new CudaDevice);
  INGOT_ASSIGN(device->context_, GpuContext::create(std::move(driver), gpu));
  INGOT_ASSIGN(device->stream_, OwnStream::create(device->context_));
  for (InFlight &inFlight : device->inFlight_) {
    INGOT_ASSIGN(inFlight.done, OwnEvent::create(device->context_));
  }
  INGOT_TRY(device->loadImage(artifact, *program, *choice).at(artifact.path()));
  const uint32_t threads = options.threads ? options.threads : availableProcessors();
  INGOT_ASSIGN(device->team_, ThreadTeam::create({threads, options.pin}));
  return device;
}

CudaDevice::~CudaDevice() {
  if (!context_ || !context_->makeCurrent().isOk())
    return;
  drain();
  for (const Module module : modules_)
    context_->calls().moduleUnload(module);
}

std::string CudaDevice::describe() const {
  return format("%s, code for %s%s", context_->gpu().describe().c_str(), level_.c_str(),
                compiledByDriver_ ? ", compiled by the driver at this start" : "");
}

Status CudaDevice::loadImage(const Artifact &artifact, const artifact::TargetProgram &program,
                             const ImageChoice &choice) {
  const artifact::Image &image = artifact.manifest().images[choice.image];
  level_ = image.level;
  compiledByDriver_ = choice.isPtx;
  const CudaLevel::Kind kind = parseCudaLevel(level_)->kind;
  Result<std::vector<CodeModule>> modules = readModuleBundle(artifact.segment(image.segment));
  if (!modules)
    return std::move(modules).status().at(level_);
  kernels_.resize(program.kernels.size());
  for (const CodeModule &module : *modules)
    INGOT_TRY(loadModule(module.bytes, kind, module.kernels, program.kernels).at(level_));
  return setUpKernels(program.kernels).at(level_);
}

Status CudaDevice::loadModule(std::span<const uint8_t> bytes, CudaLevel::Kind kind,
                              std::span<const std::string_view> names,
                              const std::vector<artifact::Kernel> &kernels) {
  INGOT_TRY(checkModule(bytes, kind));
  // The driver reads PTX up to a zero byte.
  const bool isPtx = kind == CudaLevel::Kind::Ptx;
  const std::string text = isPtx ? std::string(bytes.begin(), bytes.end()) : std::string();
  const void *data = isPtx ? static_cast<const void *>(text.c_str()) : bytes.data();
  Module module = nullptr;
  INGOT_TRY(context_->check(context_->calls().moduleLoadData(&module, data),
                            format("loading the code of %s", std::string(names[0]).c_str())));
  modules_.push_back(module);
  for (size_t i = 0; i < kernels.size(); ++i) {
    if (std::find(names.begin(), names.end(), kernels[i].name) == names.end())
      continue;
    INGOT_TRY(context_->check(
        context_->calls().moduleFunction(&kernels_[i].function, module, kernels[i].name.c_str()),
        "looking for kernel " + kernels[i].name));
    kernels_[i].info = &kernels[i];
    kernels_[i].shape = kernels[i].shapeAt(level_);
  }
  return Status::ok();
}

/// Shared memory beyond the plain amount is asked for; scratch is there once for all. Counters come
/// first, so that they end at one address whoever has how many: no kernel writes over another's.
Status CudaDevice::setUpKernels(const std::vector<artifact::Kernel> &kernels) {
  uint64_t bytes = 0; // behind the counters
  for (size_t i = 0; i < kernels.size(); ++i) {
    const artifact::Kernel &kernel = kernels[i];
    const artifact::LevelShape &shape = kernels_[i].shape;
    if (!kernels_[i].function || shape.threads == 0)
      return {ErrorClass::Data, "cuda-image",
              format("kernel %s %s; compile the artifact again", kernel.name.c_str(),
                     kernels_[i].function ? "has no launch shape" : "is in no module")};
    counterBytes_ = std::max(counterBytes_, kernel.counterBytes);
    bytes = std::max(bytes, kernel.scratchBytes - kernel.counterBytes);
    if (shape.sharedBytes > kPlainShared)
      INGOT_TRY(context_->check(
          context_->calls().functionSetAttribute(kernels_[i].function, kFunctionDynamicShared,
                                                 static_cast<int>(shape.sharedBytes)),
          format("kernel %s: %u bytes of shared memory per block", kernel.name.c_str(),
                 shape.sharedBytes)));
  }
  if (counterBytes_ + bytes > 0) {
    INGOT_ASSIGN(scratch_, allocate(counterBytes_ + bytes, "the scratch memory of kernels"));
  }
  return Status::ok();
}

// ---- Memory
// ----------------------------------------------------------------------------------------

Status CudaDevice::zero(const Memory &memory) {
  INGOT_TRY(context_->makeCurrent());
  INGOT_TRY(context_->check(
      context_->calls().memsetAsync(memory.address(), 0, memory.bytes(), stream_.get()),
      "clearing memory"));
  return stream_.synchronize("clearing memory");
}

Result<std::unique_ptr<Memory>> CudaDevice::allocate(uint64_t bytes, std::string_view what) {
  INGOT_ASSIGN(std::unique_ptr<GpuMemory> memory, GpuMemory::allocate(context_, bytes, what));
  if (bytes > 0)
    INGOT_TRY(zero(*memory));
  return std::unique_ptr<Memory>(std::move(memory));
}

/// The device's side of a step's memory as one piece of memory.
namespace {
class Side final : public Memory {
public:
  explicit Side(StepMemory &memory) : memory_(memory) {}
  uint64_t address() const override { return memory_.address(); }
  uint8_t *host() override { return nullptr; }
  uint64_t bytes() const override { return memory_.bytes(); }

private:
  StepMemory &memory_;
};
} // namespace

Result<std::unique_ptr<StepMemory>> CudaDevice::allocateStep(uint64_t bytes,
                                                             std::string_view what) {
  INGOT_ASSIGN(std::unique_ptr<GpuStepMemory> memory,
               GpuStepMemory::allocate(context_, bytes, what));
  if (bytes > 0)
    INGOT_TRY(zero(Side(*memory)));
  return std::unique_ptr<StepMemory>(std::move(memory));
}

Result<PlacedBytes> CudaDevice::place(std::span<const std::span<const uint8_t>> pieces,
                                      std::string_view what) {
  PlacedBytes placed;
  uint64_t total = 0;
  for (const std::span<const uint8_t> piece : pieces) {
    placed.addresses.push_back(piece.empty() ? 0 : total + 1); // 0 stays "none"
    total += (piece.size() + kPieceAlign - 1) / kPieceAlign * kPieceAlign;
  }
  if (total == 0)
    return placed;
  INGOT_ASSIGN(placed.memory, GpuMemory::allocate(context_, total, what));
  for (uint64_t &address : placed.addresses)
    address = address ? placed.memory->address() + address - 1 : 0;
  INGOT_TRY(remember(uploadPieces(context_, *team_, pieces, placed.addresses)));
  return placed;
}

Status CudaDevice::write(Memory &to, uint64_t offset, std::span<const uint8_t> from) {
  INGOT_TRY(context_->makeCurrent());
  INGOT_TRY(context_->check(context_->calls().copyToDeviceAsync(to.address() + offset, from.data(),
                                                                from.size(), stream_.get()),
                            "writing memory of the GPU"));
  return remember(stream_.synchronize("writing memory of the GPU"));
}

Status CudaDevice::read(Memory &from, uint64_t offset, std::span<uint8_t> to) {
  INGOT_TRY(context_->makeCurrent());
  INGOT_TRY(context_->check(context_->calls().copyToHostAsync(to.data(), from.address() + offset,
                                                              to.size(), stream_.get()),
                            "reading memory of the GPU"));
  return remember(stream_.synchronize("reading memory of the GPU"));
}

// ---- Steps
// -----------------------------------------------------------------------------------------

Status CudaDevice::prepare(Program &program) {
  INGOT_ASSIGN(program.prepared,
               GraphProgram::create(context_, program, kernels_,
                                    scratch_ ? scratch_->address() + counterBytes_ : 0,
                                    stream_.get()));
  return Status::ok();
}

/// A GPU that is lost stays lost.
Status CudaDevice::remember(Status status) {
  if (status.id() == kLostId && lost_.isOk())
    lost_ = status;
  return status;
}

Status CudaDevice::submit(const Program &program, const Step &step, InFlight &inFlight) {
  INGOT_TRY(lost_);
  INGOT_TRY(context_->makeCurrent());
  assert(program.prepared && "prepare() comes before launch()");
  INGOT_TRY(static_cast<GraphProgram &>(*program.prepared).launch(program, step, stream_.get()));
  inFlight.pending = true;
  return context_->check(context_->calls().eventRecord(inFlight.done.get(), stream_.get()),
                         "marking the end of a step");
}

Ticket CudaDevice::launch(const Program &program, const Step &step) {
  InFlight &inFlight = inFlight_[++launched_ % kSlots];
  assert(!inFlight.pending && "more steps in flight than the device holds");
  inFlight.number = launched_;
  inFlight.pending = false;
  inFlight.program = program.name;
  inFlight.outcome = remember(submit(program, step, inFlight));
  return {launched_};
}

Status CudaDevice::wait(Ticket ticket) {
  InFlight &inFlight = inFlight_[ticket.number % kSlots];
  assert(inFlight.number == ticket.number && "only the last steps can be waited for");
  if (!inFlight.pending || !inFlight.outcome.isOk())
    return inFlight.outcome;
  inFlight.pending = false;
  inFlight.outcome = context_->makeCurrent();
  if (inFlight.outcome.isOk())
    inFlight.outcome = context_->check(context_->calls().eventSynchronize(inFlight.done.get()),
                                       "a step of schedule " + std::string(inFlight.program));
  return remember(inFlight.outcome);
}

void CudaDevice::drain() {
  if (stream_.get() && context_->makeCurrent().isOk())
    context_->calls().streamSynchronize(stream_.get());
}

void CudaDevice::forEach(uint32_t items, const std::function<void(uint32_t)> &fn) {
  forEachOnTeam(*team_, items, fn);
}

} // namespace ingot
