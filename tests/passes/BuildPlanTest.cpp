#include "passes/plan/BuildPlan.h"

#include "passes/Passes.h"
#include "runtime/artifact/KernelAbi.h"
#include "runtime/base/Hash.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace ingot;
using artifact::ArgKind;
using artifact::StepOutput;

namespace {

constexpr const char kQuantize[] =
    "ingot-quantize-weights{linear=int4:32 head=int8:32 embedding=int8:32},"
    "ingot-quantize-activations,";
constexpr const char kFuse[] =
    "ingot-merge-qkv,ingot-merge-gate-up,ingot-fix-numerics,ingot-hoist-select-rows,"
    "ingot-fuse-swiglu,ingot-fuse-residual-add,ingot-fuse-norm,ingot-fuse-rope-kv,";
constexpr const char kPlan[] =
    "ingot-add-greedy-twin,ingot-fuse-head-argmax,ingot-outline,ingot-bucket-variants";
constexpr PlanOptions kOptions{64, 4, 256, 16};

/// The two-layer decoder of the numeric tests behind a pass pipeline.
struct Program {
  explicit Program(const std::string &pipeline) {
    context.loadDialect<mlir::func::FuncDialect, IngotDialect>();
    static const bool registered = (registerIngotPasses(), true);
    REQUIRE(registered);
    module = mlir::parseSourceFile<mlir::ModuleOp>(INGOT_TEST_INPUTS "/tiny-qwen3.mlir", &context);
    REQUIRE(module);
    mlir::PassManager passes(&context);
    REQUIRE(succeeded(mlir::parsePassPipeline(pipeline, passes)));
    REQUIRE(succeeded(passes.run(*module)));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

PlanResult planOf(const Program &program, const PlanOptions &options = kOptions) {
  Result<PlanResult> result = buildPlan(*program.module, options);
  INFO(result.status().toString());
  REQUIRE(result.isOk());
  return *std::move(result);
}

std::string fused() { return std::string(kQuantize) + kFuse + kPlan; }
std::string unfused() {
  return std::string(kQuantize) +
         "ingot-fix-numerics,ingot-add-greedy-twin,ingot-outline,ingot-bucket-variants";
}

} // namespace

TEST_CASE("a plan has a schedule per bucket and output") {
  const PlanResult result = planOf(Program(fused()));
  std::vector<std::string> names;
  for (const artifact::Schedule &schedule : result.plan.schedules)
    names.push_back(schedule.name);
  CHECK(names == std::vector<std::string>{"decode", "wide", "decode_argmax", "wide_argmax"});
  CHECK(result.plan.schedules[0].maxTokens == 16);
  CHECK(result.plan.schedules[1].maxTokens == 64);
  CHECK(result.plan.schedules[1].output == StepOutput::Logits);
  CHECK(result.plan.schedules[2].output == StepOutput::Argmax);
  CHECK(result.memory.arenaBytes == result.plan.schedules[3].arenaBytes);
}

TEST_CASE("sampling follows the head, on logits that stay on the device") {
  const PlanResult result = planOf(
      Program(std::string(kQuantize) + kFuse +
              "ingot-add-greedy-twin,ingot-add-sampled-twin,ingot-outline,ingot-bucket-variants"));
  const auto sampled = std::find_if(result.plan.schedules.begin(), result.plan.schedules.end(),
                                    [](const auto &s) { return s.name == "decode_sampled"; });
  REQUIRE(sampled != result.plan.schedules.end());
  CHECK(sampled->output == StepOutput::Sampled);
  const uint32_t logits = result.plan.logitsBuffer, ids = result.plan.sampledBuffer;
  CHECK(result.plan.buffers[ids].rowBytes == abi::kIndexRowBytes);
  const artifact::Launch &head = sampled->launches[sampled->launches.size() - 2];
  CHECK(head.writes == std::vector<uint32_t>{logits});
  // The logits are what sampling works on.
  const artifact::Launch &sample = sampled->launches.back();
  CHECK(sample.reads == std::vector<uint32_t>{logits});
  CHECK(sample.writes == std::vector<uint32_t>{ids, logits});
  CHECK(evaluate(sample.items, {5, 2, 3, 4}) == 3);
  // Everything else is the logits schedule's own.
  const artifact::Schedule &plain = result.plan.schedules[0];
  REQUIRE(sampled->launches.size() == plain.launches.size() + 1);
  for (size_t i = 0; i < plain.launches.size(); ++i)
    CHECK(sampled->launches[i].kernel == plain.launches[i].kernel);
  CHECK(sampled->signature == plain.signature);
}

TEST_CASE("fused layers take ten launches, unfused ones twenty-four, and sign the same numbers") {
  const PlanResult few = planOf(Program(fused())), many = planOf(Program(unfused()));
  // embed, rope angles; 10 per layer; select + norm + quantize, head.
  CHECK(few.plan.schedules[0].launches.size() == 2 + 2 * 10 + 2);
  // The argmax twin folds partials behind the head.
  CHECK(few.plan.schedules[2].launches.size() == 2 + 2 * 10 + 3);
  // Per layer: norm, quantize, 3 linears, 2 norms, 2 ropes, append, round, attention, quantize,
  // linear, add, norm, quantize, 2 linears, silu, mul, quantize, linear, add.
  CHECK(many.plan.schedules[0].launches.size() == 2 + 2 * 24 + 4);
  CHECK(few.plan.signature == many.plan.signature);
  CHECK(few.plan.signature == hash64(few.plan.signatureText));
}

TEST_CASE("identical layers share kernels") {
  const PlanResult result = planOf(Program(fused()));
  const auto &launches = result.plan.schedules[0].launches;
  for (size_t i = 2; i < 12; ++i)
    CHECK(launches[i].kernel == launches[i + 10].kernel);
  CHECK(result.kernels.size() == result.kernelOps.size());
  std::set<std::string> names;
  for (const artifact::Kernel &kernel : result.kernels) {
    names.insert(kernel.name);
    CHECK(kernel.signature == hash64(kernel.spec));
  }
  CHECK(names.size() == result.kernels.size());
  // Few and many rows share kernels.
  CHECK(launches[3].kernel == result.plan.schedules[1].launches[3].kernel);
  CHECK(launches[4].kernel == result.plan.schedules[1].launches[4].kernel);
}

TEST_CASE("arguments are the batch, the operands, then the results") {
  const PlanResult result = planOf(Program(fused()));
  const artifact::Launch &ropeKv = result.plan.schedules[0].launches[14];
  CHECK(ropeKv.label == "layers.1.self_attn");
  std::vector<ArgKind> kinds;
  for (const artifact::Arg &arg : ropeKv.args)
    kinds.push_back(arg.kind);
  CHECK(kinds == std::vector<ArgKind>{ArgKind::Batch, ArgKind::Buffer, ArgKind::Param,
                                      ArgKind::Param, ArgKind::Buffer, ArgKind::Kv,
                                      ArgKind::Buffer});
  CHECK(ropeKv.args[5].value == 1); // the layer
  CHECK(ropeKv.reads == std::vector<uint32_t>{ropeKv.args[1].index, ropeKv.args[4].index});
  CHECK(ropeKv.writes == std::vector<uint32_t>{ropeKv.args[6].index});
}

TEST_CASE("quantized rows are two buffers with the kernels' strides") {
  const PlanResult result = planOf(Program(fused()));
  const artifact::Launch &norm = result.plan.schedules[0].launches[2];
  REQUIRE(norm.writes.size() == 2);
  CHECK(result.plan.buffers[norm.writes[0]].rowBytes == abi::int8RowBytes(48));
  CHECK(result.plan.buffers[norm.writes[1]].rowBytes == abi::actMetaRowBytes(48));
  CHECK(result.plan.buffers[result.plan.logitsBuffer].rowBytes == abi::f32RowBytes(40));
}

TEST_CASE("items follow the kernel's family") {
  const PlanResult result = planOf(Program(fused()));
  const auto &launches = result.plan.schedules[0].launches;
  const artifact::SymbolValues step{5, 2, 3, 4};
  CHECK(evaluate(launches[2].items, step) == 5);                   // norm: a token each
  CHECK(evaluate(launches[3].items, step) == (48 + 24 + 24) / 32); // QKV: a panel each
  CHECK(evaluate(launches[5].items, step) == 4 * 2);               // attention: item and KV head
  CHECK(evaluate(launches[22].items, step) == 3); // final norm: a returned row each
}

TEST_CASE("parameters stand in the order of first use with their sources") {
  const PlanResult result = planOf(Program(fused()));
  CHECK(result.params[0].name == "model.embed_tokens.weight");
  CHECK(result.params[0].format == "int8");
  CHECK(result.params[1].format == "f32");
  CHECK(result.params[1].layout == "row");
  const artifact::Param &qkv = result.params[2];
  CHECK(qkv.name == "model.layers.0.self_attn.qkv_proj.weight");
  REQUIRE(qkv.sources.size() == 3);
  CHECK(qkv.sources[2].tensor == "model.layers.0.self_attn.v_proj.weight");
  CHECK(qkv.sources[2].rowBegin == 72);
  CHECK(result.paramOps.size() == result.params.size());
}

TEST_CASE("a plan repeats to the byte") {
  const PlanResult a = planOf(Program(fused())), b = planOf(Program(fused()));
  CHECK(a.plan.schedules[1].offsets == b.plan.schedules[1].offsets);
  REQUIRE(a.kernels.size() == b.kernels.size());
  for (size_t i = 0; i < a.kernels.size(); ++i)
    CHECK(a.kernels[i].name == b.kernels[i].name);
}

TEST_CASE("a plan that cannot be is refused with its reason") {
  SECTION("ops outside of kernels") {
    const Result<PlanResult> result =
        buildPlan(*Program(std::string(kQuantize) + "ingot-fix-numerics").module, kOptions);
    CHECK(result.status().id() == "plan-program");
    CHECK(result.status().message().find("run ingot-outline") != std::string::npos);
  }
  SECTION("no signature") {
    const Result<PlanResult> result =
        buildPlan(*Program(std::string(kQuantize) + "ingot-outline").module, kOptions);
    CHECK(result.status().message().find("run ingot-fix-numerics") != std::string::npos);
  }
  SECTION("weights in float32") {
    const Result<PlanResult> result =
        buildPlan(*Program("ingot-quantize-activations,ingot-fix-numerics").module, kOptions);
    CHECK(result.status().id() == "plan-program");
  }
  SECTION("blocks of another size") {
    const Program program(fused());
    const Result<PlanResult> result = buildPlan(*program.module, {64, 4, 256, 32});
    CHECK(result.status().id() == "plan-limits");
  }
  SECTION("tokens behind returned rows, on GPUs") {
    const std::string matrices = "ingot-quantize-weights{linear=bf16 head=bf16 embedding=bf16},"
                                 "ingot-quantize-activations,",
                      ends = ",ingot-outline,ingot-bucket-variants";
    const auto planWithLateTokens = [&](const char *numerics) {
      Program program(matrices + numerics + ends);
      const Result<PlanResult> sound = buildPlan(*program.module, kOptions);
      INFO(sound.status().toString());
      REQUIRE(sound.isOk());
      mlir::func::FuncOp entry = *(*program.module).getOps<mlir::func::FuncOp>().begin();
      mlir::Block &body = entry.getBody().front();
      mlir::OpBuilder builder(body.getTerminator());
      builder.clone(**body.getOps<FusedOp>().begin());
      return buildPlan(*program.module, kOptions).status();
    };
    const Status refused = planWithLateTokens("ingot-fix-numerics{target=cuda}");
    CHECK(refused.errorClass() == ErrorClass::Internal);
    CHECK(refused.message().find("works on all tokens behind") != std::string::npos);
    CHECK(planWithLateTokens("ingot-fix-numerics").isOk());
  }
  SECTION("no tokens") {
    const Program program(fused());
    CHECK(buildPlan(*program.module, {0, 4, 256, 16}).status().id() == "plan-limits");
  }
  SECTION("no entry") {
    mlir::MLIRContext context;
    context.loadDialect<mlir::func::FuncDialect, IngotDialect>();
    auto module = mlir::parseSourceString<mlir::ModuleOp>("module {}", &context);
    CHECK(buildPlan(*module, kOptions).status().id() == "plan-program");
  }
}
