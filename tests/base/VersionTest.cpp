#include "runtime/base/Version.h"

#include <catch2/catch.hpp>

using namespace ingot;

TEST_CASE("versions parse and order by major, minor, patch") {
  CHECK(*parseVersion("1.2.3") == Version{1, 2, 3});
  CHECK(*parseVersion("1.2") == Version{1, 2, 0});
  CHECK(*parseVersion("0.10.0") > *parseVersion("0.9.9"));
  CHECK(runtimeVersion() == *parseVersion(versionText()));
}

TEST_CASE("what is no version is refused") {
  for (const char *text :
       {"", "1", "1.", "a.b", "1.2.3.4", "1.2.3 ", "-1.0", "1..2", "99999999999.0"}) {
    INFO(text);
    CHECK(parseVersion(text).status().id() == "version-text");
  }
}
