// Row-wise kernels: every level gives the bits of the reference, for rows of any width, for ops in
// one kernel as for ops alone.
#include "codegen/cpu/kernels/EmitRowwise.h"
#include "ir/reference/Ops.h"
#include "tests/codegen/support/KernelHarness.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace ingot;
using namespace ingot::test;
using numerics::bitsOf;
using reference::RowKind;
using reference::Rows;
using reference::Weight;

namespace {

constexpr int64_t kRows = 3;
constexpr float kEps = 1e-5f;
const std::vector<int64_t> kWidths = {1, 2, 31, 32, 33, 96, 100, 257};

/// A program under construction; slots are taken in order behind the batch.
struct Program {
  KernelProgram program{{{.kind = ValueKind::Batch, .slot = 0}}, {}};
  int slots = 1;

  int value(ValueKind kind, int64_t columns, bool inner = false) {
    ProgramValue made{};
    made.kind = kind, made.columns = columns, made.slot = inner ? -1 : slots;
    slots += inner ? 0 : kind == ValueKind::QuantRows ? 2 : 1;
    program.values.push_back(made);
    return int(program.values.size()) - 1;
  }
  ProgramOp &op(OpKind kind, std::vector<int> operands, int result) {
    ProgramOp made{};
    made.kind = kind, made.operands = std::move(operands), made.results = {result};
    program.ops.push_back(std::move(made));
    return program.ops.back();
  }
};

Rows randomRows(int64_t columns, uint64_t seed) {
  Rows rows = Rows::ofFloats(kRows, columns);
  for (size_t i = 0; i < rows.floats.size(); ++i) {
    const uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15ull * (2 * seed + 1);
    rows.floats[i] = float(int32_t(bits >> 40) - (1 << 23)) * 0x1p-20f; // -8 to 8
  }
  return rows;
}

/// Rows as kernels read them: padded with zeros.
Buffer packed(const Rows &rows) {
  Buffer buffer(size_t(kRows) * abi::f32RowBytes(uint64_t(rows.columns)), 0);
  for (int64_t r = 0; r < rows.rows; ++r)
    std::memcpy(buffer.as<char>() + uint64_t(r) * abi::f32RowBytes(uint64_t(rows.columns)),
                rows.row(r), size_t(rows.columns) * 4);
  return buffer;
}

/// Runs the program over kRows rows at `level`.
void run(CpuLevel level, const KernelProgram &program, const std::vector<const Buffer *> &buffers) {
  const LoadedKernel kernel(level, [&](cpu::KernelBuilder &b, std::string_view name) {
    return cpu::emitRowwise(b, program, name);
  });
  abi::BatchView batch{};
  batch.tokens = uint32_t(kRows);
  std::vector<uint64_t> args = {reinterpret_cast<uint64_t>(&batch)};
  for (const Buffer *buffer : buffers)
    args.push_back(buffer->slot());
  kernel.run(args, 0, 1); // two ranges, as two workers
  kernel.run(args, 1, uint32_t(kRows));
}

/// Elements whose bits differ, and paddings that are not zero.
int64_t countWrong(const Buffer &got, const Rows &want) {
  const int64_t stride = int64_t(abi::paddedColumns(uint64_t(want.columns)));
  int64_t wrong = 0;
  for (int64_t r = 0; r < want.rows; ++r)
    for (int64_t c = 0; c < stride; ++c) {
      const float expected = c < want.columns ? want.row(r)[c] : 0.0f;
      wrong += bitsOf(got.as<float>()[r * stride + c]) != bitsOf(expected);
    }
  return wrong;
}

} // namespace

TEST_CASE("a sum, its norm and the quantized norm in one kernel have the bits of the ops alone") {
  for (const int64_t width : kWidths)
    for (const bool floatScale : {false, true})
      for (const CpuLevel level : runnableLevels()) {
        CAPTURE(width, floatScale, levelName(level));
        const Rows x = randomRows(width, 1), y = randomRows(width, 2), g = randomRows(width, 3);
        Program p;
        const int xs = p.value(ValueKind::F32Rows, width), ys = p.value(ValueKind::F32Rows, width);
        const int gamma = p.value(ValueKind::Parameter, width);
        const int sum = p.value(ValueKind::F32Rows, width);
        const int quantized = p.value(ValueKind::QuantRows, width);
        const int normed = p.value(ValueKind::F32Rows, width, /*inner=*/true);
        p.program.values[quantized].floatScale = floatScale;
        p.op(OpKind::Add, {xs, ys}, sum);
        p.op(OpKind::RmsNorm, {sum, gamma}, normed).eps = kEps;
        p.op(OpKind::Quantize, {normed}, quantized);

        const Buffer xb = packed(x), yb = packed(y), gb = packed(g);
        Buffer sums(xb.bytes()), ints(kRows * abi::int8RowBytes(width)),
            meta(kRows * abi::actMetaRowBytes(width));
        run(level, p.program, {&xb, &yb, &gb, &sums, &ints, &meta});

        KernelMxcsr mode;
        Weight weight;
        weight.rows = width;
        weight.floats.assign(g.row(0), g.row(0) + width);
        const Rows wantSum = reference::evalAdd(x, y);
        const Rows want =
            reference::evalQuantize(reference::evalRmsNorm(wantSum, weight, kEps, 0),
                                    floatScale ? RowKind::Int8F32 : RowKind::Int8Pow2);
        CHECK(countWrong(sums, wantSum) == 0);
        for (int64_t r = 0; r < kRows; ++r) {
          CHECK(std::memcmp(ints.as<int8_t>() + uint64_t(r) * abi::int8RowBytes(width),
                            want.int8.data() + r * want.groups() * 32,
                            size_t(want.groups()) * 32) == 0);
          CHECK(std::memcmp(meta.as<char>() + uint64_t(r) * abi::actMetaRowBytes(width),
                            want.meta.data() + r * want.groups(), size_t(want.groups()) * 8) == 0);
        }
      }
}

TEST_CASE("a layer norm has the bits of the op") {
  for (const int64_t width : kWidths)
    for (const CpuLevel level : runnableLevels()) {
      CAPTURE(width, levelName(level));
      const Rows x = randomRows(width, 1), g = randomRows(width, 3), h = randomRows(width, 6);
      Program p;
      const int xs = p.value(ValueKind::F32Rows, width);
      const int gamma = p.value(ValueKind::Parameter, width);
      const int beta = p.value(ValueKind::Parameter, width);
      const int normed = p.value(ValueKind::F32Rows, width);
      p.op(OpKind::LayerNorm, {xs, gamma, beta}, normed).eps = kEps;
      const Buffer xb = packed(x), gb = packed(g), hb = packed(h);
      Buffer out(xb.bytes());
      run(level, p.program, {&xb, &gb, &hb, &out});
      KernelMxcsr mode;
      Weight weights[2];
      for (int i = 0; i < 2; ++i) {
        weights[i].rows = width;
        weights[i].floats.assign((i ? h : g).row(0), (i ? h : g).row(0) + width);
      }
      CHECK(countWrong(out, reference::evalLayerNorm(x, weights[0], weights[1], kEps)) == 0);
    }
}

TEST_CASE("silu times a row has the bits of the ops alone") {
  for (const int64_t width : kWidths)
    for (const CpuLevel level : runnableLevels()) {
      CAPTURE(width, levelName(level));
      const Rows x = randomRows(width, 4), y = randomRows(width, 5);
      Program p;
      const int xs = p.value(ValueKind::F32Rows, width), ys = p.value(ValueKind::F32Rows, width);
      const int product = p.value(ValueKind::F32Rows, width);
      const int gate = p.value(ValueKind::F32Rows, width, /*inner=*/true);
      p.op(OpKind::Silu, {xs}, gate);
      p.op(OpKind::Mul, {gate, ys}, product);
      const Buffer xb = packed(x), yb = packed(y);
      Buffer out(xb.bytes());
      run(level, p.program, {&xb, &yb, &out});
      KernelMxcsr mode;
      CHECK(countWrong(out, reference::evalMul(reference::evalSilu(x), y)) == 0);
    }
}

TEST_CASE("a norm per head is the norm of each head alone") {
  constexpr int64_t kHeads = 3;
  for (const int64_t head : {2, 8, 24, 64, 128})
    for (const CpuLevel level : runnableLevels()) {
      CAPTURE(head, levelName(level));
      const int64_t width = head * kHeads;
      const Rows x = randomRows(width, 6), g = randomRows(head, 7);
      Program p;
      const int xs = p.value(ValueKind::F32Rows, width),
                gamma = p.value(ValueKind::Parameter, head);
      const int normed = p.value(ValueKind::F32Rows, width);
      ProgramOp &op = p.op(OpKind::RmsNorm, {xs, gamma}, normed);
      op.eps = kEps, op.headDim = head;
      const Buffer xb = packed(x), gb = packed(g);
      Buffer out(xb.bytes());
      run(level, p.program, {&xb, &gb, &out});
      KernelMxcsr mode;
      Weight weight;
      weight.rows = head;
      weight.floats.assign(g.row(0), g.row(0) + head);
      CHECK(countWrong(out, reference::evalRmsNorm(x, weight, kEps, head)) == 0);
    }
}
