#include "models/Provenance.h"

#include "models/import/Json.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"
#include "runtime/base/MappedFile.h"

#include <algorithm>

namespace ingot {
namespace {

constexpr uint64_t kMaxLicence = 1'000'000;
constexpr const char *kDescribingFiles[] = {"config.json", "generation_config.json",
                                            "tokenizer.json", "tokenizer_config.json",
                                            "chat_template.jinja"};
constexpr const char *kLicenceNames[] = {"LICENSE",     "LICENSE.txt", "LICENSE.md", "LICENCE",
                                         "LICENCE.txt", "COPYING",     "NOTICE"};

std::string hashText(std::span<const uint8_t> bytes) {
  return format("xxh3:%016llx", static_cast<unsigned long long>(hash64(bytes)));
}

Status addLicence(const std::string &directory, Provenance &provenance) {
  for (const char *name : kLicenceNames) {
    const std::string path = directory + "/" + name;
    if (!isFile(path))
      continue;
    INGOT_ASSIGN(std::string text, readTextFile(path, kMaxLicence));
    provenance.emplace_back("source.licence.file", name);
    provenance.emplace_back("source.licence.text", std::move(text));
    return Status::ok();
  }
  return Status::ok();
}

} // namespace

Result<Provenance> readProvenance(const std::string &directory, const Checkpoint *checkpoint) {
  Provenance provenance;
  for (const char *name : kDescribingFiles) {
    const std::string path = directory + "/" + name;
    if (!isFile(path))
      continue;
    INGOT_ASSIGN(const MappedFile file, MappedFile::open(path));
    provenance.emplace_back("source.file." + std::string(name), hashText(file.bytes()));
  }
  if (checkpoint)
    for (const Checkpoint::File &file : checkpoint->files())
      provenance.emplace_back("source.file." + file.name, hashText(file.map.bytes()));
  INGOT_TRY(addLicence(directory, provenance));
  std::sort(provenance.begin(), provenance.end());
  return provenance;
}

} // namespace ingot
