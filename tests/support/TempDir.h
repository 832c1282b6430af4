// Scratch files of tests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ingot::test {

/// A fresh directory, removed with everything in it.
class TempDir {
public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir &) = delete;
  TempDir &operator=(const TempDir &) = delete;

  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }
  /// Names of the files inside, sorted.
  std::vector<std::string> list() const;

private:
  std::string path_;
};

std::vector<uint8_t> readFile(const std::string &path);
void writeFile(const std::string &path, std::span<const uint8_t> bytes);
std::string readText(const std::string &path);
void writeText(const std::string &path, const std::string &text);

} // namespace ingot::test
