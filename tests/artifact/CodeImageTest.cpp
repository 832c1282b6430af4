#include "runtime/artifact/CodeImage.h"

#include "runtime/artifact/Container.h"
#include "runtime/base/Random.h"
#include "tests/support/SmallArtifact.h"
#include "tests/support/TempDir.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

using namespace ingot;

/// Calls test_fill_rows of a loaded image for rows 1 and 2 of 3.
static void checkCallable(const CodeImage &image) {
  const auto kernel = image.kernel("test_fill_rows");
  REQUIRE(kernel.isOk());
  float rows[3 * 32] = {};
  const uint64_t args[] = {reinterpret_cast<uint64_t>(rows), 0};
  CHECK((*kernel)(args, 1, 3, nullptr) == 7);
  CHECK(rows[0] == 0.0f);
  CHECK(rows[31] == 0.0f);
  CHECK(rows[32 + 5] == 6.0f);
  CHECK(rows[2 * 32 + 31] == 33.0f);
}

TEST_CASE("an image loaded from memory is copied and runs") {
  const std::vector<uint8_t> bytes = test::smallImage();
  auto image = CodeImage::load(bytes, -1, 0);
  REQUIRE(image.isOk());
  CHECK(image->source() == CodeImage::Source::Copied);
  checkCallable(*image);
  CodeImage moved = *std::move(image);
  checkCallable(moved);
}

TEST_CASE("an image at a page of a file is mapped in place and runs") {
  const test::TempDir dir;
  const std::vector<uint8_t> bytes = test::smallImage();
  for (const uint64_t offset : {uint64_t(0), 3 * kPageBytes}) {
    std::vector<uint8_t> file(offset, 0xcc);
    file.insert(file.end(), bytes.begin(), bytes.end());
    test::writeFile(dir.file("f"), file);
    const int fd = ::open(dir.file("f").c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    auto image = CodeImage::load(bytes, fd, offset);
    ::close(fd);
    REQUIRE(image.isOk());
    CHECK(image->source() == CodeImage::Source::Mapped);
    checkCallable(*image);
  }
}

TEST_CASE("an image at an odd place of a file is copied") {
  const test::TempDir dir;
  const std::vector<uint8_t> bytes = test::smallImage();
  std::vector<uint8_t> file(100, 0xcc);
  file.insert(file.end(), bytes.begin(), bytes.end());
  test::writeFile(dir.file("f"), file);
  const int fd = ::open(dir.file("f").c_str(), O_RDONLY | O_CLOEXEC);
  auto image = CodeImage::load(bytes, fd, 100);
  ::close(fd);
  REQUIRE(image.isOk());
  CHECK(image->source() == CodeImage::Source::Copied);
  checkCallable(*image);
}

TEST_CASE("exported functions are found by name and nothing else is") {
  const std::vector<uint8_t> bytes = test::smallImage();
  const auto layout = parseImage(bytes);
  REQUIRE(layout.isOk());
  REQUIRE(layout->symbols.size() == 2);
  CHECK(layout->symbols[0].name == "test_fill_rows");
  CHECK(layout->symbols[1].name == "test_scale_rows");
  CHECK(layout->symbols[0].size > 0);
  auto image = CodeImage::load(bytes, -1, 0);
  CHECK(image->find("test_fill_row") == nullptr);
  CHECK(image->find("") == nullptr);
  CHECK(image->kernel("absent").status().id() == "image-symbol");
}

// ---- Refusals -----------------------------------------------------------------------------------

namespace {

/// The small image with access to its headers.
struct Editable {
  std::vector<uint8_t> bytes = test::smallImage();

  Elf64_Ehdr &header() { return *reinterpret_cast<Elf64_Ehdr *>(bytes.data()); }
  Elf64_Phdr *programHeader(uint32_t type, size_t skip = 0) {
    auto *headers = reinterpret_cast<Elf64_Phdr *>(bytes.data() + header().e_phoff);
    for (size_t i = 0; i < header().e_phnum; ++i)
      if (headers[i].p_type == type && skip-- == 0)
        return &headers[i];
    return nullptr;
  }
  Elf64_Dyn *dynamic(int64_t tag) {
    auto *entry = reinterpret_cast<Elf64_Dyn *>(bytes.data() + programHeader(PT_DYNAMIC)->p_offset);
    while (entry->d_tag != DT_NULL && entry->d_tag != tag)
      ++entry;
    return entry->d_tag == tag ? entry : nullptr;
  }
  std::string_view refusal() {
    const auto layout = parseImage(bytes);
    return layout ? "accepted" : layout.status().id();
  }
};

} // namespace

TEST_CASE("images for other machines and types are refused") {
  Editable e;
  e.header().e_machine = EM_AARCH64;
  CHECK(e.refusal() == "image-elf");
  e = {};
  e.header().e_type = ET_EXEC;
  CHECK(e.refusal() == "image-elf");
  e = {};
  e.header().e_ident[EI_CLASS] = ELFCLASS32;
  CHECK(e.refusal() == "image-elf");
  e.bytes.clear();
  CHECK(e.refusal() == "image-elf");
}

TEST_CASE("headers out of range are refused") {
  const uint64_t most = ~uint64_t(0);
  Editable e;
  e.header().e_phoff = most - 8;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.programHeader(PT_LOAD)->p_offset = most;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.programHeader(PT_LOAD)->p_memsz = most;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.programHeader(PT_LOAD)->p_vaddr = most - 4095;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.programHeader(PT_LOAD, 1)->p_vaddr = 0;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.programHeader(PT_DYNAMIC)->p_offset = most - 15;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.dynamic(DT_STRSZ)->d_un.d_val = most;
  CHECK(e.refusal() == "image-range");
  e = {};
  e.dynamic(DT_SYMTAB)->d_un.d_val = most - 23;
  CHECK(e.refusal() == "image-range");
}

TEST_CASE("code that is writable, and executable stacks, are refused") {
  Editable e;
  for (size_t i = 0; Elf64_Phdr *part = e.programHeader(PT_LOAD, i); ++i)
    if (part->p_flags & PF_X)
      part->p_flags |= PF_W;
  CHECK(e.refusal() == "image-writable-code");
  e = {};
  REQUIRE(e.programHeader(PT_GNU_STACK));
  e.programHeader(PT_GNU_STACK)->p_flags |= PF_X;
  CHECK(e.refusal() == "image-writable-code");
}

TEST_CASE("imports, relocations and constructors are refused") {
  Editable e;
  const std::pair<int64_t, std::string_view> kTags[] = {{DT_NEEDED, "image-import"},
                                                        {DT_RELASZ, "image-relocation"},
                                                        {DT_RELRSZ, "image-relocation"},
                                                        {DT_TEXTREL, "image-relocation"},
                                                        {DT_INIT_ARRAYSZ, "image-constructor"},
                                                        {DT_INIT, "image-constructor"}};
  for (const auto &[tag, id] : kTags) {
    e = {};
    Elf64_Dyn *size = e.dynamic(DT_SYMENT); // a tag whose absence harms nothing
    REQUIRE(size);
    *size = {tag, {8}};
    CHECK(e.refusal() == id);
  }
  e = {};
  e.programHeader(PT_GNU_STACK)->p_type = PT_TLS;
  CHECK(e.refusal() == "image-import");
  e = {};
  e.programHeader(PT_GNU_STACK)->p_type = PT_INTERP;
  CHECK(e.refusal() == "image-import");
  // A function without a place is an import.
  e = {};
  const auto layout = parseImage(e.bytes);
  const uint64_t table =
      e.dynamic(DT_SYMTAB)->d_un.d_val; // file offset = address in the first part
  auto *symbols = reinterpret_cast<Elf64_Sym *>(e.bytes.data() + table);
  symbols[1].st_shndx = SHN_UNDEF;
  CHECK(e.refusal() == "image-import");
}

TEST_CASE("every truncation and many mutations of an image end in a status or success") {
  const std::vector<uint8_t> bytes = test::smallImage();
  for (size_t size = 0; size < bytes.size(); size += size < 1024 ? 1 : 61)
    (void)parseImage(std::span(bytes).first(size)).isOk();
  // Header, tables and dynamic section: everything but the code itself.
  size_t accepted = 0, refused = 0;
  for (uint64_t n = 0; n < 20000; ++n) {
    std::vector<uint8_t> mutant = bytes;
    for (uint64_t flip = 0; flip <= n % 3; ++flip) {
      const uint64_t bits = randomBits(randomKey(n, flip), 0);
      const uint64_t reach = bits >> 48 & 1 ? mutant.size() : 1024; // headers are hit more often
      mutant[bits % reach] = static_cast<uint8_t>(bits >> 56);
    }
    auto image = CodeImage::load(mutant, -1, 0);
    ++(image ? accepted : refused);
    if (image)
      for (const ImageSymbol &symbol : image->symbols())
        REQUIRE(image->find(symbol.name) != nullptr);
  }
  CHECK(accepted > 0);
  CHECK(refused > 0);
}
