#include "ir/reference/Evaluator.h"

#include "ir/IngotDialect.h"
#include "ir/reference/SeededWeights.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <catch2/catch.hpp>

#include <immintrin.h>

using namespace ingot;

namespace {

/// A program of tests/numeric/inputs.
struct Program {
  explicit Program(const std::string &name) {
    context.loadDialect<IngotDialect, mlir::func::FuncDialect>();
    module = mlir::parseSourceFile<mlir::ModuleOp>(INGOT_TEST_INPUTS "/" + name, &context);
    REQUIRE(module);
  }
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::vector<uint32_t> someTokens(uint32_t count, uint32_t vocabulary) {
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < count; ++i)
    tokens.push_back((i * 17 + i * i * 5 + 3) % vocabulary);
  return tokens;
}

} // namespace

TEST_CASE("logits do not depend on how the prompt is cut") {
  Program program("tiny-llama.mlir");
  const reference::SeededWeights weights(*program.module, 1);
  Evaluator evaluator(*program.module, weights);
  const std::vector<uint32_t> tokens = someTokens(70, 40);
  const auto whole = evaluator.forwardTokens(tokens);
  REQUIRE(whole);
  REQUIRE(whole->rows == 70);
  REQUIRE(whole->columns == 40);
  for (int64_t chunk : {1, 2, 3, 5, 8, 13, 16, 17, 64}) {
    const auto cut = evaluator.forwardTokens(tokens, chunk);
    REQUIRE(cut);
    CHECK(cut->floats == whole->floats);
  }
}

TEST_CASE("a sequence gives alone what it gives in company") {
  Program program("tiny-llama.mlir");
  const reference::SeededWeights weights(*program.module, 1);
  Evaluator evaluator(*program.module, weights);
  const std::vector<uint32_t> mine = someTokens(9, 40), other = someTokens(14, 31);
  const auto alone = evaluator.forwardTokens(mine);
  REQUIRE(alone);

  reference::KvState state;
  reference::Batch first, second;
  first.append(7, 0, other, false);
  first.append(3, 0, std::span(mine).first(4), true);
  second.append(3, 4, std::span(mine).subspan(4), true);
  second.append(7, 14, std::vector<uint32_t>{5, 6}, true);
  const auto a = evaluator.run("forward", first, state);
  const auto b = evaluator.run("forward", second, state);
  REQUIRE(a);
  REQUIRE(b);
  std::vector<float> mixed((*a)[0].floats.begin() + 40, (*a)[0].floats.end());
  mixed.insert(mixed.end(), (*b)[0].floats.begin(), (*b)[0].floats.begin() + 5 * 40);
  CHECK(mixed == alone->floats);
}

TEST_CASE("the caller's floating-point mode does not reach the bits and comes back") {
  Program program("tiny-llama.mlir");
  const reference::SeededWeights weights(*program.module, 1);
  Evaluator calm(*program.module, weights), hostile(*program.module, weights);
  const std::vector<uint32_t> tokens = someTokens(6, 40);
  const auto expected = calm.forwardTokens(tokens);
  REQUIRE(expected);
  const uint32_t saved = _mm_getcsr();
  const uint32_t towardZero = (saved & ~0x8040u) | 0x6000u;
  _mm_setcsr(towardZero);
  const auto result = hostile.forwardTokens(tokens);
  const uint32_t after = _mm_getcsr();
  _mm_setcsr(saved);
  CHECK((after & ~0x3fu) == (towardZero & ~0x3fu));
  REQUIRE(result);
  CHECK(result->floats == expected->floats);
}

TEST_CASE("missing entries, weights and inputs are named") {
  Program program("tiny-llama.mlir");
  const reference::SeededWeights weights(*program.module, 1);
  Evaluator evaluator(*program.module, weights);
  reference::Batch batch;
  reference::KvState state;
  CHECK(evaluator.run("backward", batch, state).status().id() == "entry-missing");

  struct NoWeights : WeightSource {
    const WeightView *find(std::string_view) const override { return nullptr; }
  } none;
  Evaluator empty(*program.module, none);
  const Status status = empty.forwardTokens(someTokens(2, 40)).status();
  CHECK(status.id() == "weight-missing");
  CHECK(status.message().find("model.embed_tokens.weight") != std::string::npos);
}
