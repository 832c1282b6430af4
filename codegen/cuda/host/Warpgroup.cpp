// wgmma and setmaxnreg. A wgmma is executed between its commit and the wait for it (at the commit
// in Reverse order, at the wait in Forward, by chance in Random), so that operands that are not
// there yet, or are overwritten too early, change the result. The accumulators hold NaN meanwhile.
#include "codegen/cuda/host/State.h"
#include "runtime/base/MatrixUnit.h"

#include <algorithm>

namespace ingot::gpu::host {

namespace {

constexpr u32 kWarpsOfGroup = 4;
constexpr u32 kRegisterFile = 64 << 10; ///< registers of a multiprocessor

Warp &ownWarp() { return block().warps[self().warp]; }

/// Bytes of shared memory behind a K-major operand with 128-byte swizzle: row `row`, 16 elements.
/// PTX ISA, "Asynchronous Warpgroup Level Matrix Shared Memory Layout".
void loadOperandRow(u64 descriptor, u32 row, u16 (&elements)[16], Where where) {
  const u32 start = static_cast<u32>(descriptor & 0x3fff) << 4;
  const u32 group = static_cast<u32>(descriptor >> 32 & 0x3fff) << 4;
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0 || (start & 0x380) != 0)
    fail(where, "descriptor %016llx: only 128-byte swizzle from a multiple of 1024 is known",
         static_cast<unsigned long long>(descriptor));
  const u32 line = start + row / 8 * group + row % 8 * 128;
  for (u32 chunk = 0; chunk < 2; ++chunk) {
    const u32 at = line + 16 * chunk;
    const u32 offset = at ^ (at >> 7 & 7) << 4;
    const void *from = block().window + offset;
    sharedOffset(from, 16, 16, "operand of wgmma", where);
    if (!block().copied[offset / 16] && !block().asyncFenced)
      fail(where, "wgmma reads what threads wrote at 0x%x, and none has called fenceAsyncShared",
           offset);
    std::memcpy(&elements[8 * chunk], from, 16);
  }
}

/// Accumulator i of lane: row and column of the warp's 16 x N tile.
u32 tileIndex(u32 lane, u32 i, u32 columns) {
  const u32 row = lane / 4 + (i % 4) / 2 * 8;
  return row * columns + i / 4 * 8 + lane % 4 * 2 + i % 2;
}

bool isPoison(float value) { return numerics::bitsOf(value) == 0xffffffffu; }

/// The accumulators whose registers start at `d` of lane 0, taken from the lanes when they are new.
Accumulators &accumulatorsOf(Warp &warp, void *const (&lanes)[32]) {
  const auto &first = *static_cast<const WgmmaLane *>(lanes[0]);
  for (Accumulators &known : warp.accumulators)
    if (known.d[0] == first.d)
      return known;
  Accumulators fresh;
  fresh.registers = first.registers;
  fresh.tile.resize(static_cast<size_t>(first.registers) * kWarp);
  for (u32 lane = 0; lane < kWarp; ++lane) {
    fresh.d[lane] = static_cast<const WgmmaLane *>(lanes[lane])->d;
    for (u32 i = 0; i < fresh.registers; ++i) {
      fresh.tile[tileIndex(lane, i, 2 * fresh.registers)] = fresh.d[lane][i];
      std::memset(&fresh.d[lane][i], kPoisonByte, sizeof(float));
    }
  }
  warp.accumulators.push_back(std::move(fresh));
  return warp.accumulators.back();
}

void issueForWarp(void *const (&lanes)[32]) {
  Warp &warp = ownWarp();
  const auto &first = *static_cast<const WgmmaLane *>(lanes[0]);
  if (!warp.fenced)
    fail(first.where, "wgmma without wgmmaFence since the last group");
  WgmmaOp op = {};
  op.lane = first;
  op.d = accumulatorsOf(warp, lanes).d[0];
  for (u32 lane = 0; lane < kWarp; ++lane) {
    const auto &own = *static_cast<const WgmmaLane *>(lanes[lane]);
    if (own.descriptorA != first.descriptorA || own.descriptorB != first.descriptorB ||
        own.registers != first.registers || own.accumulate != first.accumulate)
      fail(first.where, "wgmma: lane %u brings other descriptors than lane 0", lane);
    if (own.a)
      std::memcpy(op.a[lane], own.a, sizeof op.a[lane]);
  }
  warp.wgmmas.push_back(op);
  // All four warps of the group must issue the same sequence; compared when the block ends.
  warp.wgmmaHash = (warp.wgmmaHash ^ (first.descriptorB + first.registers)) * 0x100000001b3ull + 1;
}

void execute(Warp &warp, u32 warpOfGroup, const WgmmaOp &op) {
  Accumulators &target =
      *std::find_if(warp.accumulators.begin(), warp.accumulators.end(),
                    [&](const Accumulators &known) { return known.d[0] == op.d; });
  const u32 columns = 2 * target.registers;
  u16 a[16][16], b[8][16];
  for (u32 row = 0; row < 16 && !op.lane.a; ++row)
    loadOperandRow(op.lane.descriptorA, 16 * warpOfGroup + row, a[row], op.lane.where);
  for (u32 lane = 0; lane < kWarp && op.lane.a; ++lane)
    for (u32 i = 0; i < 4; ++i)
      std::memcpy(&a[lane / 4 + i % 2 * 8][lane % 4 * 2 + i / 2 * 8], &op.a[lane][i], 4);
  for (u32 n = 0; n < columns; n += 8) {
    for (u32 row = 0; row < 8; ++row)
      loadOperandRow(op.lane.descriptorB, n + row, b[row], op.lane.where);
    float d[16][8] = {};
    for (u32 row = 0; row < 16 && op.lane.accumulate; ++row)
      std::memcpy(d[row], &target.tile[row * columns + n], sizeof d[row]);
    multiplyHopperTile(d, a, b, op.lane.half);
    for (u32 row = 0; row < 16; ++row)
      std::memcpy(&target.tile[row * columns + n], d[row], sizeof d[row]);
  }
}

/// Executes what is committed, but for the `youngest` last groups.
void executeGroups(Warp &warp, u32 warpIndex, u32 youngest) {
  while (warp.wgmmaGroups.size() > youngest) {
    const u32 count = warp.wgmmaGroups.front();
    for (u32 i = warp.executed; i < count; ++i)
      execute(warp, warpIndex % kWarpsOfGroup, warp.wgmmas[i]);
    warp.executed = warp.executed > count ? warp.executed - count : 0;
    warp.wgmmas.erase(warp.wgmmas.begin(), warp.wgmmas.begin() + count);
    warp.wgmmaGroups.erase(warp.wgmmaGroups.begin());
  }
}

/// Gives accumulators without work under way back to their registers.
void releaseAccumulators(Warp &warp, Where where) {
  std::erase_if(warp.accumulators, [&](const Accumulators &known) {
    for (const WgmmaOp &op : warp.wgmmas)
      if (op.d == known.d[0])
        return false;
    for (u32 lane = 0; lane < kWarp; ++lane)
      for (u32 i = 0; i < known.registers; ++i) {
        if (!isPoison(known.d[lane][i]))
          fail(where, "accumulator %u of lane %u was written before wgmmaWait", i, lane);
        known.d[lane][i] = known.tile[tileIndex(lane, i, 2 * known.registers)];
      }
    return true;
  });
}

struct WaitLane {
  u32 youngest;
  Where where;
};

} // namespace

void issueWgmma(const WgmmaLane &lane) {
  if (architecture() != 90)
    fail(lane.where, "wgmma is an instruction of sm_90a, the launch is for sm_%u", architecture());
  if (lane.registers % 4 != 0 || lane.registers > 128)
    fail(lane.where, "wgmma with %u accumulators", lane.registers);
  WgmmaLane mine = lane;
  warpCollective(issueForWarp, &mine, "wgmma", lane.where);
}

void fenceAsync() { block().asyncFenced = true; }

void fenceWgmma(Where where) {
  warpCollective([](void *const(&)[32]) { ownWarp().fenced = true; }, nullptr, "wgmmaFence", where);
}

void commitWgmma(Where where) {
  const auto commit = [](void *const(&)[32]) {
    Warp &warp = ownWarp();
    u32 grouped = 0;
    for (const u32 group : warp.wgmmaGroups)
      grouped += group;
    warp.wgmmaGroups.push_back(static_cast<u32>(warp.wgmmas.size()) - grouped);
    warp.fenced = false;
    const Order order = block().launch.order;
    if (order == Order::Forward || (order == Order::Random && random(2) == 0))
      return;
    for (; warp.executed < warp.wgmmas.size(); ++warp.executed)
      execute(warp, self().warp % kWarpsOfGroup, warp.wgmmas[warp.executed]);
  };
  warpCollective(commit, nullptr, "wgmmaCommit", where);
}

void waitWgmma(u32 youngest, Where where) {
  WaitLane lane = {youngest, where};
  const auto wait = [](void *const(&lanes)[32]) {
    const auto &first = *static_cast<const WaitLane *>(lanes[0]);
    Warp &warp = ownWarp();
    executeGroups(warp, self().warp, first.youngest);
    releaseAccumulators(warp, first.where);
  };
  warpCollective(wait, &lane, "wgmmaWait", where);
}

void setRegisters(u32 count, Where where) {
  if (count % 8 != 0 || count < 24 || count > 256)
    fail(where, "setmaxnreg %u: a multiple of 8 from 24 to 256 is needed", count);
  WaitLane lane = {count, where};
  const auto set = [](void *const(&lanes)[32]) {
    const auto &first = *static_cast<const WaitLane *>(lanes[0]);
    ownWarp().registers = first.youngest;
    u32 sum = 0;
    for (const Warp &warp : block().warps)
      sum += warp.registers * kWarp;
    if (sum > kRegisterFile)
      fail(first.where, "setmaxnreg %u: the block would hold %u registers of %u", first.youngest,
           sum, kRegisterFile);
  };
  warpCollective(set, &lane, "setmaxnreg", where);
}

void checkWarpgroups() {
  Block &b = block();
  for (u32 i = 0; i < b.warps.size() && b.failure.empty(); ++i) {
    const Warp &warp = b.warps[i];
    if (!warp.accumulators.empty())
      b.failure = "warp " + std::to_string(i) + " leaves with wgmma that it did not wait for";
    else if (warp.wgmmaHash != b.warps[i / kWarpsOfGroup * kWarpsOfGroup].wgmmaHash)
      b.failure = "the warps of warpgroup " + std::to_string(i / kWarpsOfGroup) +
                  " did not issue the same wgmma";
  }
}

} // namespace ingot::gpu::host
