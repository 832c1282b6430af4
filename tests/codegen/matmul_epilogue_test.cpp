// Epilogues of matmul kernels: what stands behind the linear is computed in registers with the bits
// of the ops alone.
#include "codegen/cpu/kernels/EmitMatmul.h"
#include "tests/codegen/support/MatmulCase.h"

#include "runtime/base/Numerics.h"

#include <catch2/catch.hpp>

#include <cmath>

using namespace ingot;
using namespace ingot::test;
using numerics::bitsOf;

namespace {

constexpr MatmulSize kSize{WeightFormat::Int4, 19, 96, 64, 32};

/// A bare linear whose result stays inside: value 2. Slots 1 to 3 are taken.
KernelProgram innerLinear(const MatmulCase &test) {
  KernelProgram program = test.program();
  program.values[2].slot = -1;
  return program;
}

int addValue(KernelProgram &program, ValueKind kind, int64_t columns, int slot) {
  ProgramValue value{};
  value.kind = kind, value.columns = columns, value.slot = slot;
  program.values.push_back(value);
  return int(program.values.size()) - 1;
}

void addOp(KernelProgram &program, OpKind kind, std::vector<int> operands,
           std::vector<int> results) {
  ProgramOp op{};
  op.kind = kind, op.operands = std::move(operands), op.results = std::move(results);
  op.interleave = kind == OpKind::Split ? 16 : 0;
  program.ops.push_back(op);
}

/// Runs the program at every level; slots from 4 on are `buffers`.
template <typename Check>
void runEveryLevel(const MatmulCase &test, const KernelProgram &program,
                   const std::vector<const Buffer *> &buffers, const Check &check) {
  for (CpuLevel level : runnableLevels()) {
    INFO(levelName(level));
    const LoadedKernel kernel(level, [&](cpu::KernelBuilder &b, std::string_view name) {
      return cpu::emitMatmul(b, program, name);
    });
    abi::BatchView batch{};
    // The rows that are not walked have another number, so that reading the wrong field shows.
    batch.tokens = program.returnedRows ? 1 : uint32_t(test.size().rows);
    batch.returnedRows = program.returnedRows ? uint32_t(test.size().rows) : 1;
    std::vector<uint64_t> args = {reinterpret_cast<uint64_t>(&batch), test.activations.slot(),
                                  test.meta.slot(), test.weights.slot()};
    for (const Buffer *buffer : buffers)
      args.push_back(buffer->slot());
    kernel.run(args, 0, uint32_t(test.layout().units));
    KernelMxcsr mxcsr;
    check();
  }
}

/// Number of elements [rows][columns] of `got` whose bits differ from want(row, column).
template <typename Want>
int64_t countWrong(const Buffer &got, int64_t rows, int64_t columns, const Want &want) {
  int64_t wrong = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < columns; ++n)
      wrong += bitsOf(got.as<float>()[r * int64_t(abi::paddedColumns(columns)) + n]) !=
               bitsOf(want(r, n));
  return wrong;
}

void fillFloats(const Buffer &buffer, float step) {
  for (size_t i = 0; i < buffer.bytes() / 4; ++i)
    buffer.as<float>()[i] = step * float(int(i * 7919 % 1001) - 500);
}

} // namespace

TEST_CASE("a residual is added behind a matmul") {
  const MatmulCase test(kSize, 21);
  KernelProgram program = innerLinear(test);
  const int residual = addValue(program, ValueKind::F32Rows, kSize.outputs, 4);
  addOp(program, OpKind::Add, {residual, 2},
        {addValue(program, ValueKind::F32Rows, kSize.outputs, 5)});
  Buffer added(kSize.rows * abi::f32RowBytes(kSize.outputs)), result(added.bytes());
  fillFloats(added, 0.013f);
  runEveryLevel(test, program, {&added, &result}, [&] {
    CHECK(countWrong(result, kSize.rows, kSize.outputs, [&](int64_t r, int64_t n) {
            return added.as<float>()[r * kSize.outputs + n] + test.expected(r, n);
          }) == 0);
  });
}

TEST_CASE("the residual may be the result's own buffer") {
  const MatmulCase test(kSize, 22);
  KernelProgram program = innerLinear(test);
  const int residual = addValue(program, ValueKind::F32Rows, kSize.outputs, 4);
  addOp(program, OpKind::Add, {2, residual},
        {addValue(program, ValueKind::F32Rows, kSize.outputs, 5)});
  Buffer rows(kSize.rows * abi::f32RowBytes(kSize.outputs)), before(rows.bytes());
  fillFloats(before, 0.5f);
  fillFloats(rows, 0.5f);
  const LoadedKernel kernel(CpuLevel::V3, [&](cpu::KernelBuilder &b, std::string_view name) {
    return cpu::emitMatmul(b, program, name);
  });
  abi::BatchView batch{};
  batch.tokens = uint32_t(kSize.rows);
  kernel.run({reinterpret_cast<uint64_t>(&batch), test.activations.slot(), test.meta.slot(),
              test.weights.slot(), rows.slot(), rows.slot()},
             0, uint32_t(test.layout().units));
  KernelMxcsr mxcsr;
  CHECK(countWrong(rows, kSize.rows, kSize.outputs, [&](int64_t r, int64_t n) {
          return test.expected(r, n) + before.as<float>()[r * kSize.outputs + n];
        }) == 0);
}

TEST_CASE("a bias is added and both sums are kept") {
  const MatmulCase test(kSize, 23);
  KernelProgram program = innerLinear(test);
  program.returnedRows = true;
  const int bias = addValue(program, ValueKind::Parameter, kSize.outputs, 4);
  program.values[2].slot = 5;
  addOp(program, OpKind::AddBias, {2, bias},
        {addValue(program, ValueKind::F32Rows, kSize.outputs, 6)});
  Buffer vector(kSize.outputs * 4), plain(kSize.rows * abi::f32RowBytes(kSize.outputs)),
      biased(plain.bytes());
  fillFloats(vector, 0.31f);
  runEveryLevel(test, program, {&vector, &plain, &biased}, [&] {
    CHECK(countWrong(plain, kSize.rows, kSize.outputs,
                     [&](int64_t r, int64_t n) { return test.expected(r, n); }) == 0);
    CHECK(countWrong(biased, kSize.rows, kSize.outputs, [&](int64_t r, int64_t n) {
            return test.expected(r, n) + vector.as<float>()[n];
          }) == 0);
  });
}

TEST_CASE("gate and up of interleaved panels become one product") {
  MatmulSize size = kSize;
  size.outputs = 2 * 96, size.interleave = 16;
  const MatmulCase test(size, 24);
  KernelProgram program = innerLinear(test);
  const int gate = addValue(program, ValueKind::F32Rows, 96, -1);
  const int up = addValue(program, ValueKind::F32Rows, 96, -1);
  const int activated = addValue(program, ValueKind::F32Rows, 96, -1);
  addOp(program, OpKind::Split, {2}, {gate, up});
  addOp(program, OpKind::Silu, {gate}, {activated});
  addOp(program, OpKind::Mul, {activated, up}, {addValue(program, ValueKind::F32Rows, 96, 4)});
  Buffer result(size.rows * abi::f32RowBytes(96));
  runEveryLevel(test, program, {&result}, [&] {
    CHECK(countWrong(result, size.rows, 96, [&](int64_t r, int64_t n) {
            return numerics::silu(test.expected(r, n)) * test.expected(r, 96 + n);
          }) == 0);
  });
}

TEST_CASE("the largest column of each panel, ties to the lowest, padding never") {
  MatmulSize size = kSize;
  size.outputs = 70, size.rows = 7; // the last panel has 6 columns
  const MatmulCase test(size, 25);
  // The weights of columns 3, 9 and 25 become those of column 9: a tie in every row.
  for (uint64_t at = 0; at < test.layout().unitBytes; at += 576) {
    uint8_t *scales = test.weights.as<uint8_t>() + at, *block = scales + 64;
    for (int64_t column : {3, 25}) {
      std::copy_n(scales + 18, 2, scales + column * 2);
      for (int64_t i = 0; i < 4; ++i)
        std::copy_n(block + i * 64 + 36, 4, block + column / 16 * 256 + i * 64 + column % 16 * 4);
    }
  }
  KernelProgram program = test.program();
  program.values[2].slot = 4;
  addOp(program, OpKind::ArgmaxPartial, {2}, {addValue(program, ValueKind::Partials, 3, 5)});
  Buffer logits(size.rows * abi::f32RowBytes(70)),
      partials(size.rows * abi::argmaxPartialRowBytes(3));
  runEveryLevel(test, program, {&logits, &partials}, [&] {
    for (int64_t r = 0; r < size.rows; ++r)
      for (int64_t panel = 0; panel < 3; ++panel) {
        const float *row = logits.as<float>() + r * 96;
        int64_t best = panel * 32;
        for (int64_t n = best; n < std::min<int64_t>(70, panel * 32 + 32); ++n)
          if (row[n] > row[best])
            best = n;
        const uint32_t *got = partials.as<uint32_t>() + r * 16 + panel * 2;
        CHECK(got[0] == bitsOf(row[best]));
        CHECK(got[1] == best);
      }
  });
}
