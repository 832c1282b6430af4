// A program as a CUDA graph, built node by node: the step's tables, its kernels in order, its
// results. Addresses and grids are those of the program's bounds and never change; per step only
// the two copies are told their slot and how many bytes they carry.
#pragma once

#include "runtime/device/CudaMemory.h"

namespace ingot::cuda {

/// A kernel of the loaded image with the launch shape of the image's level.
struct LoadedKernel {
  Function function = nullptr;
  const artifact::Kernel *info = nullptr; ///< owned by the manifest
  artifact::LevelShape shape;
};

/// Blocks of one launch.
struct Grid {
  uint32_t x = 1, y = 1;
};

/// The grid of `items` items at `tokens` tokens; nothing when it is beyond any GPU's limit.
std::optional<Grid> gridOf(const artifact::LevelShape &shape, uint64_t items, uint64_t tokens,
                           uint32_t multiprocessors);

class GraphProgram final : public PreparedProgram {
public:
  /// `scratch`: device memory for kernels that ask for some, from the end of their counters on.
  /// Ids: "cuda-program" for what no GPU could launch, and the driver's.
  static Result<std::shared_ptr<GraphProgram>> create(const SharedContext &context,
                                                      const Program &program,
                                                      std::span<const LoadedKernel> kernels,
                                                      uint64_t scratch, Stream stream);
  ~GraphProgram() override;

  /// Hands the graph to the stream for this step.
  Status launch(const Program &program, const Step &step, Stream stream);

private:
  /// A copy between a StepMemory and its slots.
  struct CopyNode {
    Node node = nullptr;
    uint32_t slot = ~0u; ///< as the executable graph has it
    uint64_t bytes = 0;
  };

  explicit GraphProgram(SharedContext context) : context_(std::move(context)) {}
  Status addTables(const Program &program);
  Status addKernels(const Program &program, std::span<const LoadedKernel> kernels,
                    uint64_t scratch);
  Status addKernel(const Program &program, size_t index, const LoadedKernel &kernel,
                   uint64_t scratch);
  Status encodeMaps(const Program &program, const Command &command, const LoadedKernel &kernel,
                    std::span<const uint64_t> slots, std::span<TensorMapBytes> maps);
  Status addResults(const Program &program);
  Status addCopy(CopyNode &copy, const CopyParams &params, std::string_view what);
  Status connect();
  Status instantiate(const Program &program, Stream stream);
  Status patch(CopyNode &copy, uint32_t slot, uint64_t bytes, const CopyParams &params);

  SharedContext context_;
  Graph graph_ = nullptr;
  GraphExec exec_ = nullptr;
  CopyNode tables_, results_;
  std::vector<Node> nodes_;              ///< all, in the order in which they run
  size_t firstKernel_ = 0, kernels_ = 0; ///< which of them are kernels
};

} // namespace ingot::cuda
