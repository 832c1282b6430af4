#include "runtime/base/JsonWriter.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <sstream>

using namespace ingot;

static std::string quoted(std::string_view text) {
  std::ostringstream out;
  JsonWriter(out, false).value(text);
  return out.str();
}

TEST_CASE("objects and arrays nest with commas in the right places") {
  std::ostringstream out;
  JsonWriter json(out, false);
  json.beginObject().field("a", 1).key("b").beginArray().value(true).value("x").endArray();
  json.key("empty").beginObject().endObject().endObject();
  CHECK(out.str() == R"({"a":1,"b":[true,"x"],"empty":{}})");
}

TEST_CASE("pretty output is indented by two spaces and ends with a new line") {
  std::ostringstream out;
  JsonWriter json(out);
  json.beginObject().key("a").beginArray().value(1).value(2).endArray().endObject();
  CHECK(out.str() == "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n");
}

TEST_CASE("control characters, quotes and invalid UTF-8 give valid JSON") {
  CHECK(quoted("a\"b\\c\n\t\x01") == R"("a\"b\\c\n\t\u0001")");
  CHECK(quoted("\xc3\xa9\xf0\x9f\x98\x80") == "\"\xc3\xa9\xf0\x9f\x98\x80\"");
  const std::string bad = "\xef\xbf\xbd";
  CHECK(quoted("\xff") == "\"" + bad + "\"");
  CHECK(quoted("\xc3") == "\"" + bad + "\"");
  CHECK(quoted("\xc0\x80") == "\"" + bad + bad + "\"");                     // overlong
  CHECK(quoted("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");           // surrogate
  CHECK(quoted("\xf4\x90\x80\x80") == "\"" + bad + bad + bad + bad + "\""); // above U+10FFFF
}

TEST_CASE("numbers read back exactly and what JSON lacks becomes null") {
  std::ostringstream out;
  JsonWriter json(out, false);
  json.beginArray().value(0.1).value(0.1f).value(~uint64_t(0)).value(int64_t(-5));
  json.value(std::nan("")).value(std::numeric_limits<float>::infinity()).endArray();
  CHECK(out.str() == "[0.1,0.1,18446744073709551615,-5,null,null]");
}
