// Where the data of the tests lies.
#pragma once

#include <optional>
#include <string>

namespace ingot::test {

/// Path of a file or directory below tests/data.
std::string testData(const std::string &name);

/// Path of optional data that lies beside the checkout (environment INGOT_SHARED moves it). Absent
/// data is said on stdout.
std::optional<std::string> sharedData(const std::string &path);

} // namespace ingot::test
