#include "runtime/text/MergeTable.h"

#include <catch2/catch.hpp>

#include <random>

using namespace ingot;

namespace {

/// The definition: again and again the lowest rank, the leftmost of equals.
std::vector<uint32_t> mergePlainly(const std::vector<TokenMerge> &merges,
                                   std::vector<uint32_t> ids) {
  for (size_t rank = 0; rank < merges.size();) {
    bool merged = false;
    for (size_t i = 0; i + 1 < ids.size() && !merged; ++i)
      if (ids[i] == merges[rank].left && ids[i + 1] == merges[rank].right) {
        ids[i] = merges[rank].result;
        ids.erase(ids.begin() + static_cast<ptrdiff_t>(i) + 1);
        merged = true;
      }
    rank = merged ? 0 : rank + 1;
  }
  return ids;
}

} // namespace

TEST_CASE("merging by heap equals merging by definition") {
  std::mt19937 random(17);
  for (int round = 0; round < 300; ++round) {
    std::vector<TokenMerge> merges; // tokens 0..3 are symbols, each merge makes the next token
    MergeTable table;
    for (uint32_t i = 0; i < 12; ++i) {
      merges.push_back({static_cast<uint32_t>(random() % (4 + i)),
                        static_cast<uint32_t>(random() % (4 + i)), 4 + i});
      if (table.build(merges) != MergeTable::kNone)
        merges.pop_back();
    }
    REQUIRE(table.build(merges) == MergeTable::kNone);
    Merger merger(table);
    for (size_t length : {0, 1, 2, 3, 9, 40}) {
      std::vector<uint32_t> symbols(length);
      for (uint32_t &symbol : symbols)
        symbol = static_cast<uint32_t>(random() % 4);
      std::vector<uint32_t> out;
      merger.merge(symbols, out);
      CHECK(out == mergePlainly(merges, symbols));
    }
  }
}

TEST_CASE("a repeated pair is found") {
  MergeTable table;
  CHECK(table.build({{0, 1, 2}, {1, 0, 3}, {0, 1, 4}}) == 2);
}
