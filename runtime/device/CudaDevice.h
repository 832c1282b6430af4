// Target "cuda": GPU kernels from the artifact's image, a step launched as one graph. The driver is
// loaded at run time; the host's threads sample and fill staging buffers.
#pragma once

#include "runtime/artifact/Artifact.h"
#include "runtime/device/CudaGraph.h"
#include "runtime/device/CudaImage.h"

namespace ingot {

struct CudaOptions {
  int index = 0;        ///< GPU of those that the process sees
  uint32_t threads = 0; ///< of the host side; 0 = one per processor this process may use
  bool pin = false;
  bool allowJit = false; ///< the driver may compile the artifact's PTX when no cubin fits
};

class CudaDevice final : public Device {
public:
  /// Chooses a GPU and an image of `artifact`, which must outlive the device, and loads it. Ids:
  /// "cuda-code-absent", "cuda-unavailable", "cuda-driver-old", "cuda-ordinal", "cuda-unsupported",
  /// "cuda-image", "device-memory", ...
  static Result<std::unique_ptr<CudaDevice>> create(const Artifact &artifact,
                                                    const CudaOptions &options);
  ~CudaDevice() override;

  std::string_view name() const override { return "cuda"; }
  std::string describe() const override;
  uint32_t workers() const override { return team_->size(); }
  bool sharesHostMemory() const override { return false; }
  uint32_t stepsInFlight() const override { return cuda::kSlots; }
  std::optional<uint64_t> freeBytes() const override { return context_->freeBytes(); }

  Result<std::unique_ptr<Memory>> allocate(uint64_t bytes, std::string_view what) override;
  Result<std::unique_ptr<StepMemory>> allocateStep(uint64_t bytes, std::string_view what) override;
  Result<PlacedBytes> place(std::span<const std::span<const uint8_t>> pieces,
                            std::string_view what) override;
  Status write(Memory &to, uint64_t offset, std::span<const uint8_t> from) override;
  Status read(Memory &from, uint64_t offset, std::span<uint8_t> to) override;

  Status prepare(Program &program) override;
  Ticket launch(const Program &program, const Step &step) override;
  Status wait(Ticket ticket) override;
  void drain() override;
  void forEach(uint32_t items, const std::function<void(uint32_t)> &fn) override;

  const cuda::Gpu &gpu() const { return context_->gpu(); }
  /// The level of the chosen image: "sm_90a", ...
  const std::string &level() const { return level_; }

private:
  /// A step between launch() and the end of its use.
  struct InFlight {
    uint64_t number = 0;
    bool pending = false; ///< on the GPU
    std::string_view program;
    Status outcome;
    cuda::OwnEvent done;
  };

  CudaDevice() = default;
  Status loadImage(const Artifact &artifact, const artifact::TargetProgram &program,
                   const cuda::ImageChoice &choice);
  Status loadModule(std::span<const uint8_t> bytes, cuda::CudaLevel::Kind kind,
                    std::span<const std::string_view> names,
                    const std::vector<artifact::Kernel> &kernels);
  Status setUpKernels(const std::vector<artifact::Kernel> &kernels);
  Status submit(const Program &program, const Step &step, InFlight &inFlight);
  Status zero(const Memory &memory);
  Status remember(Status status);

  cuda::SharedContext context_;
  std::string level_;
  bool compiledByDriver_ = false;
  std::vector<cuda::Module> modules_;
  std::vector<cuda::LoadedKernel> kernels_; ///< [kernels of the program]
  std::unique_ptr<Memory> scratch_;         ///< counters, then the rest, each of who asks for most
  uint64_t counterBytes_ = 0;               ///< of scratch_, leading
  cuda::OwnStream stream_;
  std::unique_ptr<ThreadTeam> team_;
  uint64_t launched_ = 0;
  InFlight inFlight_[cuda::kSlots]; ///< [number % kSlots]
  Status lost_;                     ///< why nothing works any more on this GPU
};

} // namespace ingot
