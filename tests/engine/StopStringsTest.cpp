#include "runtime/engine/StopStrings.h"

#include <catch2/catch.hpp>

using namespace ingot;

namespace {
/// Feeds `text` in pieces of `size` bytes; returns what is released, flush included.
std::string run(StopStrings stops, std::string_view text, size_t size) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += size)
    out += stops.feed(text.substr(i, size));
  return out + stops.flush();
}
} // namespace

TEST_CASE("without stop strings everything passes at once") {
  StopStrings stops({});
  REQUIRE(stops.feed("abc") == "abc");
  REQUIRE(stops.flush().empty());
  REQUIRE_FALSE(stops.matched());
}

TEST_CASE("a stop string is found however the text is cut") {
  for (size_t size = 1; size < 12; ++size) {
    REQUIRE(run(StopStrings({"STOP"}), "before STOP after", size) == "before ");
    REQUIRE(run(StopStrings({"\n\n", "END"}), "a\nb\n\nEND", size) == "a\nb");
    REQUIRE(run(StopStrings({"aab"}), "aaaab", size) == "aa");
    REQUIRE(run(StopStrings({"xyz"}), "xyxyxy", size) == "xyxyxy");
  }
}

TEST_CASE("a tail that may become a stop string is held back, no more") {
  StopStrings stops({"STOP"});
  REQUIRE(stops.feed("text ST") == "text ");
  REQUIRE(stops.feed("AND") == "STAND");
  REQUIRE(stops.feed("S") == "");
  REQUIRE(stops.flush() == "S");
}

TEST_CASE("the first match in the text wins and later pieces are swallowed") {
  StopStrings stops({"later", "soon"});
  REQUIRE(stops.feed("it is soon later") == "it is ");
  REQUIRE(stops.matched());
  REQUIRE(stops.feed("more").empty());
  REQUIRE(stops.flush().empty());
}

TEST_CASE("a match at the very beginning leaves nothing") {
  StopStrings stops({"x"});
  REQUIRE(stops.feed("x").empty());
  REQUIRE(stops.matched());
}

TEST_CASE("empty stop strings never match") {
  StopStrings stops({"", "z"});
  REQUIRE(stops.feed("abc") == "abc");
  REQUIRE_FALSE(stops.matched());
}

TEST_CASE("several bytes of one character stay together") {
  StopStrings stops({"\xe2\x82\xac!"}); // euro sign, then !
  REQUIRE(stops.feed("1\xe2\x82\xac") == "1");
  REQUIRE(stops.feed("?") == "\xe2\x82\xac?");
}
