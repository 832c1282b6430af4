#include "runtime/sched/Batch.h"

#include <catch2/catch.hpp>

using namespace ingot;

namespace {
constexpr SchedulerLimits kLimits{64, 4, 64, 64, 16};
using Table = std::vector<uint32_t>;
Table table(const uint32_t *data, size_t count) { return Table(data, data + count); }
} // namespace

TEST_CASE("the tables of a mixed step") {
  BlockPool pool(8);
  Sequence decode, prompt;
  decode.tokens = {10, 11, 12, 13};
  prompt.tokens.resize(40);
  for (uint32_t i = 0; i < 40; ++i)
    prompt.tokens[i] = 100 + i;
  REQUIRE(decode.blocks.tryGrow(1, pool));
  REQUIRE(prompt.blocks.tryGrow(3, pool));

  Batch batch(kLimits, 64);
  batch.assemble({{{&decode, 3, 1, 1}, {&prompt, 20, 10, 2}}, 11, 3, 0});
  const abi::BatchView view = batch.view();
  REQUIRE(view.tokens == 11);
  REQUIRE(view.sequences == 2);
  REQUIRE(view.returnedRows == 3);
  REQUIRE(view.attentionItems == 3);
  REQUIRE(view.attentionSegments == 3);
  REQUIRE(table(view.tokenIds, 11) == Table{13, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129});
  REQUIRE(table(view.tokenSequence, 11) == Table{0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  REQUIRE(table(view.kvPositions, 11) == Table{3, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29});
  for (int plane = 0; plane < 3; ++plane)
    REQUIRE(table(view.ropePositions + plane * 11, 11) == table(view.kvPositions, 11));
  REQUIRE(table(view.visibleBegin, 11) == Table(11, 0));
  REQUIRE(table(view.visibleEnd, 11) == Table{4, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30});
  REQUIRE(table(view.returnRows, 3) == Table{0, 9, 10});
  REQUIRE(table(view.attentionTable, 6) == Table{0, 1, 1, 8, 9, 2});
  REQUIRE(batch.tablePitch() == 3);
  REQUIRE(table(batch.blockTable(), 6) == Table{0, 0, 0, 1, 2, 3});
  REQUIRE(batch.rows()[0].sequence == &decode);
  REQUIRE(batch.rows()[2].tokenIndex == 29);
  REQUIRE(view.reserved == nullptr);
}

TEST_CASE("a later step starts from empty tables") {
  BlockPool pool(8);
  Sequence a;
  a.tokens = {1, 2, 3};
  REQUIRE(a.blocks.tryGrow(1, pool));
  Batch batch(kLimits, 64);
  batch.assemble({{{&a, 0, 3, 1}}, 3, 1, 0});
  batch.assemble({{{&a, 2, 1, 0}}, 1, 0, 0});
  const abi::BatchView view = batch.view();
  REQUIRE(view.tokens == 1);
  REQUIRE(view.returnedRows == 0);
  REQUIRE(view.attentionItems == 1);
  REQUIRE(table(view.tokenIds, 1) == Table{3});
}

TEST_CASE("assembling a full step moves no table") {
  BlockPool pool(8);
  Sequence a;
  a.tokens.assign(64, 5);
  REQUIRE(a.blocks.tryGrow(4, pool));
  Batch batch(kLimits, 64);
  const uint32_t *before = batch.view().tokenIds;
  batch.assemble({{{&a, 0, 64, 64}}, 64, 64, 0});
  REQUIRE(batch.view().tokenIds == before);
  REQUIRE(batch.view().attentionItems == 8);
}

TEST_CASE("an item's segments are those of 256 positions that its tokens see") {
  BlockPool pool(64);
  Sequence a, b;
  a.tokens.assign(300, 1);
  b.tokens.assign(600, 1);
  REQUIRE(a.blocks.tryGrow(19, pool));
  REQUIRE(b.blocks.tryGrow(38, pool));
  Batch batch(kLimits, 1024);
  // Tokens 250-257 and 258-261 of a, token 512 of b: 2 + 2 + 3 segments.
  batch.assemble({{{&a, 250, 12, 0}, {&b, 512, 1, 0}}, 13, 0, 0});
  REQUIRE(batch.view().attentionSegments == 7);
}
