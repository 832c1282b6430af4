// The bf16 recipe (bfloat16 weights, activations and cache) against float32: the evaluator runs the
// quantized program, which is what compiled code computes bit for bit.
#include "passes/Passes.h"
#include "tests/models/LogitsSupport.h"
#include "tests/models/ModelTestSupport.h"

#include <catch2/catch.hpp>

#include "mlir/Pass/PassManager.h"

#include <iostream>

using namespace ingot;
using namespace ingot::test;

namespace {

constexpr double kTolerance = 3e-2; ///< largest error over the standard deviation

} // namespace

TEST_CASE("the bf16 recipe stays near float32") {
  for (const std::string name : {"llama3-scaled", "llama-bias", "qwen3"}) {
    INFO(name);
    mlir::MLIRContext context;
    auto model = importModel(modelData(name), {}, context);
    REQUIRE(model.isOk());
    mlir::PassManager passes(&context);
    passes.addPass(createQuantizeWeightsPass());
    passes.addPass(createQuantizeActivationsPass());
    REQUIRE(mlir::succeeded(passes.run(*model->module)));
    const ExpectedLogits expected =
        readExpectedLogits(modelData(name + "/expected.safetensors"), "token_ids");
    Evaluator evaluator(*model->module, *model->weights);
    const auto rows = evaluator.forwardTokens(expected.ids);
    INFO(rows.status().toString());
    REQUIRE(rows.isOk());
    const double error = largestError(rows->floats, expected.logits);
    std::cout << name << ", bf16: largest error over standard deviation " << error << "\n";
    CHECK(error <= kTolerance);
  }
}
