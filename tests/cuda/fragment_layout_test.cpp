// Where elements lie: the tables of the PTX ISA, written down here once more, against the host
// execution of ldmatrix, mma, wgmma and tensor copies. Numbers are small integers, so that every
// product sum is exact and only places matter.
#include "codegen/cuda/host/Run.h"
#include "runtime/base/Random.h"

#include <catch2/catch.hpp>

using namespace ingot;
using namespace ingot::gpu;
using host::kOrders;
using host::Launch;

namespace {

/// Small integers that differ by place.
int valueAt(int stream, int row, int column) {
  return static_cast<int>(randomBits(static_cast<uint64_t>(stream), row * 1000 + column) % 7) - 3;
}
u16 bf16Of(int value) { return numerics::toBf16(static_cast<float>(value)); }
u16 f16Of(int value) { return numerics::toF16(static_cast<float>(value)); }
u8 e4m3Of(int value) {
  constexpr u8 kMagnitudes[] = {0x00, 0x38, 0x40, 0x44}; // 0 1 2 3
  return static_cast<u8>(kMagnitudes[value < 0 ? -value : value] | (value < 0 ? 0x80 : 0));
}

/// sum of a[row][k] * b[k][column] + c, of the same integers.
int product(int row, int column, int depth) {
  int sum = valueAt(3, row, column);
  for (int k = 0; k < depth; ++k)
    sum += valueAt(1, row, k) * valueAt(2, k, column);
  return sum;
}

u64 address(const void *at) { return reinterpret_cast<u64>(at); }

/// Runs in all orders on one warp unless `launch` says more.
void runEverywhere(host::KernelFn kernel, const KernelArgs &args, Launch launch = {}) {
  for (const host::Order order : kOrders) {
    launch.order = order;
    REQUIRE(host::run(kernel, args, launch) == "");
  }
}

/// What the kernels below leave: [lane][i].
struct Result {
  float d[32][4];
};

} // namespace

// "Matrix Fragments for mma.m16n8k16 with floating point type": groupID = lane >> 2,
// threadID_in_group = lane % 4.
TEST_CASE("mma.m16n8k16: a, b and c lie where the ISA says") {
  static const auto fill = [](u16 (*convert)(int), u32(&a)[4], u32(&b)[2], float (&c)[4]) {
    const int group = static_cast<int>(laneId()) >> 2, thread = static_cast<int>(laneId()) % 4;
    u16 elements[8], others[4];
    for (int i = 0; i < 8; ++i) {
      const int row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
      const int column = thread * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      elements[i] = convert(valueAt(1, row, column));
    }
    for (int i = 0; i < 4; ++i) {
      const int row = thread * 2 + (i & 1) + (i >= 2 ? 8 : 0);
      others[i] = convert(valueAt(2, row, group));
    }
    for (int i = 0; i < 4; ++i)
      c[i] = static_cast<float>(valueAt(3, i < 2 ? group : group + 8, thread * 2 + (i & 1)));
    std::memcpy(a, elements, 16);
    std::memcpy(b, others, 8);
  };
  const auto check = [](const Result &result) {
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i)
        CHECK(result.d[lane][i] ==
              product((lane >> 2) + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1), 16));
  };
  Result result = {};
  const KernelArgs args = {{address(&result)}};
  runEverywhere(
      [](KernelArgs inner) {
        u32 a[4], b[2];
        auto &d = inner.pointer<Result>(0)->d[laneId()];
        fill(bf16Of, a, b, d);
        mmaBf16(d, a, b[0], b[1]);
      },
      args);
  check(result);
  runEverywhere(
      [](KernelArgs inner) {
        u32 a[4], b[2];
        auto &d = inner.pointer<Result>(0)->d[laneId()];
        fill(f16Of, a, b, d);
        mmaF16(d, a, b[0], b[1]);
      },
      args, {.architecture = 80});
  check(result);
}

// "Matrix Fragments for mma.m16n8k32".
TEST_CASE("mma.m16n8k32: bytes lie where the ISA says") {
  static const auto fill = [](auto convert, u32(&a)[4], u32(&b)[2]) {
    const int group = static_cast<int>(laneId()) >> 2, thread = static_cast<int>(laneId()) % 4;
    u8 elements[16], others[8];
    for (int i = 0; i < 16; ++i) {
      const int row = i < 4 || (8 <= i && i < 12) ? group : group + 8;
      const int column = thread * 4 + (i & 3) + (i >= 8 ? 16 : 0);
      elements[i] = convert(valueAt(1, row, column));
    }
    for (int i = 0; i < 8; ++i)
      others[i] = convert(valueAt(2, thread * 4 + (i & 3) + (i >= 4 ? 16 : 0), group));
    std::memcpy(a, elements, 16);
    std::memcpy(b, others, 8);
  };
  struct Results {
    i32 whole[32][4];
    float real[32][4];
  } results = {};
  const KernelArgs args = {{address(&results)}};
  runEverywhere(
      [](KernelArgs inner) {
        u32 a[4], b[2];
        i32 d[4];
        float r[4];
        const int group = static_cast<int>(laneId()) >> 2, thread = static_cast<int>(laneId()) % 4;
        for (int i = 0; i < 4; ++i)
          r[i] = static_cast<float>(
              d[i] = valueAt(3, i < 2 ? group : group + 8, thread * 2 + (i & 1)));
        fill([](int value) { return static_cast<u8>(value); }, a, b);
        mmaS8(d, a, b[0], b[1]);
        fill(e4m3Of, a, b);
        mmaE4m3(r, a, b[0], b[1]);
        std::memcpy(inner.pointer<Results>(0)->whole[laneId()], d, sizeof d);
        std::memcpy(inner.pointer<Results>(0)->real[laneId()], r, sizeof r);
      },
      args, {.architecture = 89});
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      const int expected = product((lane >> 2) + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1), 32);
      CHECK(results.whole[lane][i] == expected);
      CHECK(results.real[lane][i] == expected);
    }
}

TEST_CASE("mmaS8 keeps the sign of all bytes and wraps") {
  i32 d[32][4];
  for (auto &lane : d)
    for (i32 &x : lane)
      x = 0x7fffffff;
  const KernelArgs args = {{address(d)}};
  const std::string error = host::run(
      [](KernelArgs inner) {
        const u32 a[4] = {0x80808080u, 0x80808080u, 0x80808080u, 0x80808080u};
        mmaS8(inner.pointer<i32[4]>(0)[laneId()], a, 0x80808080u, 0x80808080u);
      },
      args, {});
  REQUIRE(error == "");
  CHECK(d[9][3] == static_cast<i32>(0x7fffffffu + 32u * 128u * 128u));
}

// "Warp-level matrix load instruction: ldmatrix".
TEST_CASE("ldmatrix: rows by lanes, fragments by groups of four") {
  struct Results {
    u32 plain[32][4], transposed[32][4], two[32][2], twoTransposed[32][2];
  } results = {};
  const KernelArgs args = {{address(&results)}};
  runEverywhere(
      [](KernelArgs inner) {
        // Element e of row r of matrix m is 100m + 10r + e; rows lie in odd places.
        INGOT_SHARED(u16, rows, 32 * 24);
        const u32 lane = laneId();
        u16 *own = rows + (lane * 7 % 32) * 24;
        for (u32 e = 0; e < 8; ++e)
          own[e] = static_cast<u16>(100 * (lane / 8) + 10 * (lane % 8) + e);
        syncWarp();
        auto *out = inner.pointer<Results>(0);
        ldmatrix4(out->plain[lane], own);
        ldmatrix4Transposed(out->transposed[lane], own);
        ldmatrix2(out->two[lane], lane < 16 ? own : nullptr);
        ldmatrix2Transposed(out->twoTransposed[lane], lane < 16 ? own : nullptr);
      },
      args);
  for (u32 lane = 0; lane < 32; ++lane)
    for (u32 m = 0; m < 4; ++m) {
      const u32 row = lane / 4, first = lane % 4 * 2;
      const u32 plain = (100 * m + 10 * row + first) | (100 * m + 10 * row + first + 1) << 16;
      const u32 turned = (100 * m + 10 * first + row) | (100 * m + 10 * (first + 1) + row) << 16;
      CHECK(results.plain[lane][m] == plain);
      CHECK(results.transposed[lane][m] == turned);
      if (m < 2) {
        CHECK(results.two[lane][m] == plain);
        CHECK(results.twoTransposed[lane][m] == turned);
      }
    }
}

// "Shared Memory Matrix Layout", 128-byte swizzle: in groups of 8 rows of 128 bytes (1024-byte
// aligned), chunk c of 16 bytes of row r is at place c ^ r.
namespace {
u32 swizzledPlace(u32 row, u32 byte) {
  return row / 8 * 1024 + row % 8 * 128 + ((byte / 16) ^ (row % 8)) * 16 + byte % 16;
}
} // namespace

TEST_CASE("a tensor copy swizzles lines of 128 bytes and fills the outside with zeros") {
  constexpr u32 kColumns = 100, kRows = 19; // of u16; the box is 64 x 16
  std::vector<u16> tensor(kColumns * kRows);
  for (size_t i = 0; i < tensor.size(); ++i)
    tensor[i] = static_cast<u16>(i + 1);
  const TensorMap map =
      host::encodeTensorMap({address(tensor.data()), kColumns, kRows, kColumns * 2, 64, 16, 2, 1});
  std::vector<u8> out(16 * 128);
  const auto kernel = [](KernelArgs inner) {
    INGOT_SHARED(SharedBarrier, barrier, 1);
    if (threadIndex() == 0) {
      barrier[0].init(1);
      fenceBarrierInit();
    }
    syncWarp();
    if (threadIndex() == 0) {
      barrier[0].arriveExpect(16 * 128);
      copyTensor2d(dynamicShared(), inner.pointer<TensorMap>(0), static_cast<i32>(inner.slot[2]),
                   static_cast<i32>(inner.slot[3]), barrier[0]);
    }
    barrier[0].wait(0);
    for (u32 i = threadIndex(); i < 16 * 128; i += 32)
      inner.pointer<u8>(1)[i] = dynamicShared()[i];
  };
  for (const auto &[x, y] : {std::pair<i32, i32>{0, 0}, {64, 8}, {-3, -2}}) {
    const KernelArgs args = {
        {address(&map), address(out.data()), static_cast<u32>(x), static_cast<u32>(y)}};
    runEverywhere(kernel, args, {.sharedBytes = 16 * 128});
    for (i32 row = 0; row < 16; ++row)
      for (i32 column = 0; column < 64; ++column) {
        const i32 r = y + row, c = x + column;
        const bool inside = r >= 0 && c >= 0 && r < i32(kRows) && c < i32(kColumns);
        u16 got;
        std::memcpy(&got, &out[swizzledPlace(static_cast<u32>(row), static_cast<u32>(column) * 2)],
                    2);
        REQUIRE(got == (inside ? tensor[static_cast<size_t>(r) * kColumns + c] : 0));
      }
  }
}

// "Register Fragments and Shared Memory Matrix Layouts" of wgmma.
TEST_CASE("wgmma: descriptors, register operands and accumulators lie where the ISA says") {
  constexpr int kColumns = 16, kDepth = 32;
  struct Results {
    float described[128][kColumns / 2], registered[128][kColumns / 2];
  } results = {};
  std::vector<u8> a(64 * 128), b(kColumns * 128);
  for (u32 row = 0; row < 64; ++row)
    for (u32 k = 0; k < kDepth; ++k) {
      const u16 value = bf16Of(valueAt(1, static_cast<int>(row), static_cast<int>(k)));
      std::memcpy(&a[swizzledPlace(row, 2 * k)], &value, 2);
    }
  for (u32 column = 0; column < kColumns; ++column)
    for (u32 k = 0; k < kDepth; ++k) {
      const u16 value = bf16Of(valueAt(2, static_cast<int>(k), static_cast<int>(column)));
      std::memcpy(&b[swizzledPlace(column, 2 * k)], &value, 2);
    }
  const KernelArgs args = {{address(&results), address(a.data()), address(b.data())}};
  runEverywhere(
      [](KernelArgs inner) {
        u8 *const sharedA = dynamicShared(), *const sharedB = sharedA + 64 * 128;
        for (u32 i = threadIndex(); i < 64 * 128; i += 128)
          sharedA[i] = inner.pointer<u8>(1)[i];
        for (u32 i = threadIndex(); i < kColumns * 128; i += 128)
          sharedB[i] = inner.pointer<u8>(2)[i];
        fenceAsyncShared();
        syncThreads();
        const int warp = static_cast<int>(warpId()), group = static_cast<int>(laneId()) >> 2,
                  thread = static_cast<int>(laneId()) % 4;
        float d[kColumns / 2], e[kColumns / 2];
        for (int i = 0; i < kColumns / 2; ++i)
          d[i] = e[i] = static_cast<float>(
              valueAt(3, 16 * warp + group + i / 2 % 2 * 8, i / 4 * 8 + thread * 2 + i % 2));
        wgmmaFence();
        for (int step = 0; step < kDepth / 16; ++step) {
          wgmmaBf16(d, swizzledOperand(sharedA + 32 * step), swizzledOperand(sharedB + 32 * step),
                    true);
          u16 elements[8];
          for (int i = 0; i < 8; ++i)
            elements[i] = bf16Of(valueAt(1, 16 * warp + group + i / 2 % 2 * 8,
                                         16 * step + thread * 2 + i % 2 + i / 4 * 8));
          u32 fragment[4];
          std::memcpy(fragment, elements, 16);
          wgmmaBf16(e, fragment, swizzledOperand(sharedB + 32 * step), true);
        }
        wgmmaCommit();
        wgmmaWait<0>();
        std::memcpy(inner.pointer<Results>(0)->described[threadIndex()], d, sizeof d);
        std::memcpy(inner.pointer<Results>(0)->registered[threadIndex()], e, sizeof e);
      },
      args, {.threads = 128, .sharedBytes = (64 + kColumns) * 128});
  for (int t = 0; t < 128; ++t)
    for (int i = 0; i < kColumns / 2; ++i) {
      const int row = 16 * (t / 32) + t % 32 / 4 + i / 2 % 2 * 8;
      const int column = i / 4 * 8 + t % 4 * 2 + i % 2;
      REQUIRE(results.described[t][i] == product(row, column, kDepth));
      REQUIRE(results.registered[t][i] == product(row, column, kDepth));
    }
}
