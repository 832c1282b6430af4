// The functions of Device.cuh on the host, against definitions that are written otherwise; and that
// all of them compile for every architecture.
#include "codegen/cuda/Nvrtc.h"
#include "codegen/cuda/host/Run.h"
#include "runtime/base/Random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace ingot;
using namespace ingot::gpu;
using host::Launch;

namespace {

u64 address(const void *at) { return reinterpret_cast<u64>(at); }

/// Value of a float format with `exponentBits` and `fractionBits`, in double.
double decode(u32 bits, int exponentBits, int fractionBits) {
  const u32 field = bits >> fractionBits & ((1u << exponentBits) - 1);
  const u32 fraction = bits & ((1u << fractionBits) - 1);
  const int bias = (1 << (exponentBits - 1)) - 1;
  const bool negative = bits >> (exponentBits + fractionBits) & 1;
  double value = std::ldexp(field ? fraction + (1u << fractionBits) : fraction,
                            static_cast<int>(field ? field : 1) - bias - fractionBits);
  if (exponentBits > 4 && field == (1u << exponentBits) - 1)
    value = fraction ? NAN : INFINITY;
  return negative ? -value : value;
}
double decodeBf16(u32 bits) { return decode(bits, 8, 7); }
double decodeF16(u32 bits) { return decode(bits, 5, 10); }
double decodeE4m3(u32 bits) { return (bits & 0x7f) == 0x7f ? NAN : decode(bits, 4, 3); }

/// |a - b|; the difference of two doubles that are near is exact.
double distance(double a, double b) { return std::fabs(a - b); }

/// `got` is a nearest number of its format to `exact`, ties to even.
void isNearest(double exact, u32 got, u32 largest, double (*value)(u32)) {
  const u32 sign = got & (largest + 1 > 0x80 ? 0x8000u : 0x80u), magnitude = got & ~sign;
  const double error = distance(exact, value(got));
  if (magnitude > 0) {
    const double below = distance(exact, value(sign | (magnitude - 1)));
    REQUIRE(error <= below);
    REQUIRE((error < below || magnitude % 2 == 0));
  }
  if (magnitude < largest) {
    const double above = distance(exact, value(sign | (magnitude + 1)));
    REQUIRE(error <= above);
    REQUIRE((error < above || magnitude % 2 == 0));
  }
}

float randomFloat(u64 counter, int spread) {
  const u64 bits = randomBits(5, counter);
  const float magnitude = std::ldexp(1.0f + unitFloat(randomBits(6, counter)),
                                     static_cast<int>(bits % (2 * spread + 1)) - spread);
  return bits >> 63 ? -magnitude : magnitude;
}

} // namespace

TEST_CASE("packed floats round to nearest even") {
  for (u64 i = 0; i < 20000; ++i) {
    const float x = randomFloat(i, i % 2 ? 20 : 4);
    const u32 bf16 = packBf16(x, 1.0f) & 0xffff, f16 = packF16(x, 1.0f) & 0xffff;
    const u32 e4m3 = packE4m3(x, 1.0f) & 0xff;
    isNearest(x, bf16, 0x7f7f, decodeBf16);
    if (std::fabs(x) < 65504)
      isNearest(x, f16, 0x7bff, decodeF16);
    if (std::fabs(x) <= 448)
      isNearest(x, e4m3, 0x7e, decodeE4m3);
  }
  CHECK(packBf16(1.0f, -2.0f) == 0xc0003f80u);
  CHECK(packF16(1.0f, -2.0f) == 0xc0003c00u);
  CHECK(packE4m3(1.0f, -2.0f) == 0xc038u);
}

TEST_CASE("conversions at their ends") {
  CHECK(packBf16(NAN, INFINITY) == 0x7f807fffu);
  CHECK(packBf16(numerics::floatOf(0x80000001u), numerics::floatOf(0x007fffffu)) == 0x8000u);
  CHECK(packF16(NAN, 1e6f) == 0x7bff7fffu);
  CHECK(packF16(-INFINITY, 0x1p-25f) == 0x0000fbffu);
  CHECK(packF16(0x1.8p-25f, -0x1p-24f) == 0x80010001u);
  CHECK(packE4m3(NAN, 1e6f) == 0x7e7fu);
  CHECK(packE4m3(-INFINITY, 0x1p-10f) == 0x00feu);
  CHECK(packE4m3(0x1.8p-10f, -0.0f) == 0x8001u);
  for (u32 bits = 0; bits < 256; ++bits) {
    const u32 halves = e4m3ToF16x2(static_cast<u16>(bits | 0x3800));
    CHECK(halves >> 16 == 0x3c00);
    if (std::isnan(decodeE4m3(bits)))
      CHECK((halves & 0xffff) == 0x7fff);
    else
      CHECK(decodeF16(halves & 0xffff) == decodeE4m3(bits));
  }
  for (u32 bits = 0; bits < 0x10000; bits += 7) {
    CHECK((std::isnan(decodeF16(bits)) || lowF16(bits) == decodeF16(bits)));
    CHECK((std::isnan(decodeBf16(bits)) || highBf16(bits << 16) == decodeBf16(bits)));
  }
  CHECK(roundToS8(2.5f) == 2);
  CHECK(roundToS8(-3.5f) == -4);
  CHECK(roundToS8(1000.0f) == 127);
  CHECK(roundToS8(-INFINITY) == -128);
  CHECK(roundToS8(NAN) == 0);
}

TEST_CASE("packed multiply-add rounds once") {
  for (u64 i = 0; i < 20000; ++i) {
    const auto half = [&](u64 k, int spread) {
      return packBf16(randomFloat(3 * i + k, spread), 0) & 0xffff;
    };
    const u32 a = half(0, 6), b = half(1, 6), c = half(2, i % 2 ? 12 : 6);
    // A sum of long doubles is exact here: the exponents are near enough for 64 bits.
    const long double exact =
        static_cast<long double>(decodeBf16(a)) * decodeBf16(b) + decodeBf16(c);
    const u32 got = fmaBf16x2(a, b, c) & 0xffff;
    if (exact != 0)
      isNearest(static_cast<double>(exact), got, 0x7f7f, decodeBf16);
  }
  // Twice rounded it would be 1: 1 + 2^-8 - 2^-40 lies below the tie between 1 and 1 + 2^-7.
  CHECK(fmaBf16x2(0xab80, 0x3f80, 0x3f80) == 0x3f80);     // 1 - 2^-40
  CHECK(fmaBf16x2(0x3b80, 0x3f80, 0x3f80) == 0x3f80);     // the tie: 1 + 2^-8
  CHECK(fmaBf16x2(0x3b80, 0x3f81, 0x3f80) == 0x3f81);     // a little above
  CHECK(fmaBf16x2(0x3b80, 0x3f7f, 0x3f80) == 0x3f80);     // a little below
  CHECK(subBf16x2(0x43084300, 0x43004300) == 0x41000000); // 136 - 128 and 128 - 128
  CHECK(subF16x2(0x64086400, 0x64006400) == 0x48000000);  // 1032 - 1024
  CHECK(fmaF16x2(0x0001, 0x3800, 0) == 0);                // half of the smallest: tie to even
  CHECK(fmaF16x2(0x0003, 0x3800, 0) == 2);
  CHECK(fmaF16x2(0x7bff, 0x4000, 0) == 0x7c00);
}

TEST_CASE("bytes and bits are chosen as prmt and lop3 choose them") {
  CHECK(permuteBytes(0x33221100, 0x77665544, 0x7351) == 0x77335511u);
  CHECK(logic3<(0xf0 & 0xcc) | 0xaa>(0xff00ff00, 0xf0f0f0f0, 0x0000000f) == 0xf000f00fu);
  CHECK(logic3<0xf0 ^ 0xcc ^ 0xaa>(1, 2, 7) == 4);
  CHECK(logic3<0xff>(0, 0, 0) == ~0u);
}

TEST_CASE("shuffles, ballots and votes of a warp") {
  struct Results {
    u32 exclusive[32], other[32], down[32], bits[32];
  } results = {};
  const KernelArgs args = {{address(&results)}};
  for (const host::Order order : host::kOrders) {
    REQUIRE(host::run(
                [](KernelArgs inner) {
                  auto &out = *inner.pointer<Results>(0);
                  const u32 lane = laneId();
                  out.exclusive[lane] = shuffleXor(lane * lane, 5);
                  out.other[lane] = shuffle(lane + 100, 3 * lane);
                  out.down[lane] = shuffleDown(lane, 4);
                  out.bits[lane] = ballot(lane % 3 == 0);
                },
                args, {.order = order}) == "");
    for (u32 lane = 0; lane < 32; ++lane) {
      CHECK(results.exclusive[lane] == (lane ^ 5) * (lane ^ 5));
      CHECK(results.other[lane] == 3 * lane % 32 + 100);
      CHECK(results.down[lane] == (lane + 4 < 32 ? lane + 4 : lane));
      CHECK(results.bits[lane] == 0x49249249u);
    }
  }
}

TEST_CASE("every block and thread runs once, atomics count them") {
  struct Results {
    u32 sum, most, seen[6 * 96];
    u64 wide;
  } results = {};
  const KernelArgs args = {{address(&results)}};
  REQUIRE(host::run(
              [](KernelArgs inner) {
                auto &out = *inner.pointer<Results>(0);
                const u32 block = blockIndexY() * gridSize() + blockIndex();
                const u32 thread = block * blockThreads() + threadIndex();
                atomicAdd(&out.seen[thread], 1);
                atomicAdd(&out.sum, warpId());
                atomicMax(&out.most, thread);
                atomicMax(&out.wide, u64(thread) << 40);
                CHECK(gridSizeY() == 2);
              },
              args, {.gridX = 3, .gridY = 2, .threads = 96, .order = host::Order::Random}) == "");
  CHECK(results.sum == 6 * 32 * (0 + 1 + 2));
  CHECK(results.most == 6 * 96 - 1);
  CHECK(results.wide == u64(6 * 96 - 1) << 40);
  CHECK(
      std::all_of(std::begin(results.seen), std::end(results.seen), [](u32 n) { return n == 1; }));
}

TEST_CASE("blocks on several OS threads give the same bytes, and their failures") {
  const auto kernel = [](KernelArgs inner) {
    INGOT_SHARED(u32, tile, 64);
    tile[threadIndex()] = blockIndex() * 64 + threadIndex();
    syncThreads();
    if (blockIndex() == inner.slot[1] && threadIndex() == 40)
      return;
    inner.pointer<u32>(0)[blockIndex() * 64 + threadIndex()] =
        tile[63 - threadIndex()] + shuffleXor(laneId(), 3);
  };
  std::vector<u32> one(64 * 200), several(64 * 200);
  const auto run = [&](std::vector<u32> &out, u64 broken, u32 workers) {
    return host::run(kernel, {{address(out.data()), broken}},
                     {.gridX = 200, .threads = 64, .workers = workers});
  };
  CHECK(run(one, 1000, 1) == "");
  CHECK(run(several, 1000, 3) == "");
  CHECK(one == several);
  CHECK_THAT(run(several, 77, 3), Catch::Contains("of block (77, 0)"));
}

TEST_CASE("named barriers join the warps they count") {
  std::vector<u32> out(96);
  const KernelArgs args = {{address(out.data())}};
  for (const host::Order order : host::kOrders) {
    std::fill(out.begin(), out.end(), 0);
    REQUIRE(host::run(
                [](KernelArgs inner) {
                  INGOT_SHARED(u32, box, 64);
                  auto *to = inner.pointer<u32>(0);
                  // Warp 0 fills, warps 1 and 2 read; warp 0 does not wait for them.
                  if (warpId() == 0) {
                    box[laneId()] = laneId() + 1;
                    arriveNamed(1, 96);
                    return;
                  }
                  syncNamed(1, 96);
                  to[threadIndex()] = box[31 - laneId()];
                },
                args, {.threads = 96, .order = order}) == "");
    for (u32 i = 32; i < 96; ++i)
      CHECK(out[i] == 32 - i % 32);
  }
}

TEST_CASE("denormals are flushed while kernels run, and not after") {
  std::vector<float> out = {1e-30f, 1e-20f, 0};
  const KernelArgs args = {{address(out.data())}};
  REQUIRE(host::run(
              [](KernelArgs inner) {
                auto *x = inner.pointer<volatile float>(0);
                x[2] = x[0] * x[1];
              },
              args, {}) == "");
  CHECK(out[2] == 0);
  volatile float small = 1e-30f, smaller = 1e-10f;
  CHECK(small * smaller != 0.0f);
}

namespace {

/// A kernel that uses everything that `architecture` has.
std::string everyFunction(bool fp8, bool hopper) {
  std::string text = R"(#include "codegen/cuda/kernels/Device.cuh"
namespace ingot::gpu {
inline void everyFunction(const KernelArgs &args) {
  INGOT_SHARED(u32, tile, 256);
  waitForPrior();
  allowNext();
  auto *y = args.pointer<float>(0);
  auto *x = args.pointer<const u8>(1);
  auto *n = args.pointer<u32>(2);
  u8 *shared = dynamicShared() + 16 * threadIndex();
  copyAsync16(shared, x);
  copyAsync16OrZero(shared + 4096, x, laneId() < 7);
  copyAsync4(tile + threadIndex(), x);
  copyCommit();
  copyWait<0>();
  syncThreads();
  syncWarp();
  syncNamed(1, 256);
  arriveNamed(2, 512);
  u32 a[4], b[2];
  ldmatrix4(a, shared);
  ldmatrix2(b, shared);
  ldmatrix4Transposed(a, shared);
  ldmatrix2Transposed(b, shared);
  float d[4] = {};
  i32 q[4] = {};
  INGOT_UNROLL
  for (int i = 0; i < 2; ++i)
    mmaBf16(d, a, b[0], b[1]);
  mmaF16(d, a, b[0], b[1]);
  mmaS8(q, a, b[0], b[1]);
  float s = d[0] + d[1] + q[2] + q[3] + warpId() + sharedAddress(tile);
  s += shuffleXor(s, 1) + shuffle(s, 3) + shuffleDown(s, 4) + ballot(s > 0);
  uint4 w = load128(x);
  w.x += load128Streaming(x).y + load64(x).x + load32(x) + packBf16(s, s) + packF16(s, s);
  w.y = fmaBf16x2(w.x, w.z, w.w) + fmaF16x2(w.x, w.z, w.w) + subBf16x2(w.x, w.w);
  w.z = subF16x2(w.x, w.y) + permuteBytes(w.x, w.y, 0x5410) + logic3<0xea>(w.x, w.y, w.z);
  w.w = roundToS8(s);
  s += lowBf16(w.x) + highBf16(w.y) + lowF16(w.z) + highF16(w.w);
  store128(y + 4, w);
  store64(y + 2, uint2{w.x, w.y});
  store32(y, w.z);
  storeRelease(n + 1, loadAcquire(n) + atomicAdd(n, 1) + atomicMax(n, 2) + atomicExchange(n, 3));
  atomicMax(reinterpret_cast<u64 *>(n), u64(4));
  threadFence();
  y[blockIndex() + blockIndexY() + gridSize() + gridSizeY() + blockThreads()] =
      numerics::exp(s) + numerics::silu(s) + numerics::sinCos(s).sin;
)";
  if (fp8)
    text += "  mmaE4m3(d, a, b[0], b[1]);\n"
            "  y[1] = d[0] + packE4m3(s, s) + e4m3ToF16x2(static_cast<u16>(w.x));\n";
  if (hopper)
    text += R"(  INGOT_SHARED(SharedBarrier, barrier, 1);
  auto *map = args.pointer<const TensorMap>(3);
  if (threadIndex() == 0) {
    barrier[0].init(1);
    fenceBarrierInit();
    fenceTensorMap(map);
    barrier[0].arrive();
    barrier[0].arriveExpect(32768);
    copyBulk(dynamicShared(), x, 16384, barrier[0]);
    copyTensor2d(dynamicShared() + 16384, map, 0, 8, barrier[0]);
  }
  barrier[0].wait(1);
  fenceAsyncShared();
  if (threadIndex() < 128)
    releaseRegisters<40>();
  else
    claimRegisters<232>();
  float e[64] = {}, f[4] = {};
  wgmmaFence();
  wgmmaBf16(e, swizzledOperand(dynamicShared()), swizzledOperand(dynamicShared() + 16384), false);
  wgmmaF16(f, a, swizzledOperand(dynamicShared() + 16384), true);
  wgmmaCommit();
  wgmmaWait<0>();
  y[2] = e[17] + f[3];
)";
  return text + "}\n}\nINGOT_KERNEL(every_function, 256) { ingot::gpu::everyFunction(args); }\n";
}

} // namespace

TEST_CASE("every device function compiles for every architecture") {
  auto nvrtc = cuda::Nvrtc::load();
  if (!nvrtc) {
    WARN("skipped: " << nvrtc.status().toString());
    return;
  }
  for (const std::string architecture :
       {"sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120", "compute_80"}) {
    const bool fp8 =
        architecture != "sm_80" && architecture != "sm_86" && architecture != "compute_80";
    auto output = (*nvrtc)->compile(everyFunction(fp8, architecture == "sm_90a"), architecture);
    INFO(architecture << ": " << output.status().toString());
    CHECK(output.isOk());
  }
}
