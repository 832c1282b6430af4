// The frame of a cubin with the names of kernels inside: enough for the mock driver, which only
// looks them up.
#pragma once

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string>
#include <vector>

namespace ingot::testing {

inline std::vector<uint8_t> fakeCubin() {
  const std::string names = "fake_append fake_logits fake_argmax cts_mix cts_copy cts_fail "
                            "fake_sample";
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = 190;
  header.e_shoff = sizeof header + names.size();
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 2;
  Elf64_Shdr sections[2] = {};
  sections[1].sh_type = SHT_PROGBITS;
  sections[1].sh_offset = sizeof header;
  sections[1].sh_size = names.size();
  std::vector<uint8_t> bytes(header.e_shoff + sizeof sections);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, names.data(), names.size());
  std::memcpy(bytes.data() + header.e_shoff, sections, sizeof sections);
  return bytes;
}

} // namespace ingot::testing
