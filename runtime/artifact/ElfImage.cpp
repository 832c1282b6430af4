// Reading of ELF headers: every field is a claim that is checked before it is used.
#include "runtime/artifact/CodeImage.h"

#include "runtime/artifact/Container.h"
#include "runtime/base/CheckedMath.h"
#include "runtime/base/Format.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <optional>

namespace ingot {

namespace {

/// No image is larger in memory; keeps all address sums far from overflow.
constexpr uint64_t kMaxImageBytes = uint64_t(1) << 30;

Status refuse(const char *id, std::string why) {
  return Status(ErrorClass::Data, id,
                "code image: " + std::move(why) + "; compile the artifact again");
}

class ElfReader {
public:
  explicit ElfReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  Result<ImageLayout> read();

private:
  /// The T at `offset` of the file, if it is inside.
  template <typename T>
  std::optional<T> at(uint64_t offset) const {
    T value;
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof value)
      return std::nullopt;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  /// File offset of `count` bytes at a virtual address, if one part holds them all in the file.
  std::optional<uint64_t> fileOffset(uint64_t address, uint64_t count) const;

  Status readHeader();
  Status readProgramHeaders();
  Status readPart(const Elf64_Phdr &header);
  Status readDynamic();
  Status checkDynamicTag(const Elf64_Dyn &entry);
  Result<uint64_t> symbolCount() const;
  Result<uint64_t> countByGnuHash() const;
  Status readSymbols();
  Status readSymbol(const Elf64_Sym &symbol);

  std::span<const uint8_t> bytes_;
  ImageLayout layout_;
  Elf64_Ehdr header_ = {};
  std::optional<Elf64_Phdr> dynamic_;
  uint64_t symbolTable_ = 0, stringTable_ = 0, stringBytes_ = 0, sysvHash_ = 0, gnuHash_ = 0;
};

std::optional<uint64_t> ElfReader::fileOffset(uint64_t address, uint64_t count) const {
  for (const ImagePart &part : layout_.parts)
    if (address >= part.address && address - part.address <= part.fileBytes &&
        part.fileBytes - (address - part.address) >= count)
      return part.fileOffset + (address - part.address);
  return std::nullopt;
}

Status ElfReader::readHeader() {
  const auto header = at<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return refuse("image-elf",
                  format("%zu bytes that do not begin with an ELF header", bytes_.size()));
  header_ = *header;
  if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB ||
      header_.e_machine != EM_X86_64 || header_.e_type != ET_DYN)
    return refuse("image-elf",
                  format("class %u, data %u, machine %u, type %u: not a little-endian x86-64 "
                         "shared object",
                         header_.e_ident[EI_CLASS], header_.e_ident[EI_DATA], header_.e_machine,
                         header_.e_type));
  if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0 || header_.e_phnum > 64)
    return refuse("image-elf", format("%u program headers of %u bytes: 1..64 of %zu are expected",
                                      header_.e_phnum, header_.e_phentsize, sizeof(Elf64_Phdr)));
  return Status::ok();
}

Status ElfReader::readPart(const Elf64_Phdr &h) {
  const CheckedU64 fileEnd = CheckedU64(h.p_offset) + CheckedU64(h.p_filesz);
  const CheckedU64 memoryEnd = CheckedU64(h.p_vaddr) + CheckedU64(h.p_memsz);
  if (!fileEnd.atMost(bytes_.size()) || !memoryEnd.atMost(kMaxImageBytes) || h.p_filesz > h.p_memsz)
    return refuse(
        "image-range",
        format("a part of %llu bytes at offset %llu, %llu bytes at address %llu, in a file of %zu",
               ull(h.p_filesz), ull(h.p_offset), ull(h.p_memsz), ull(h.p_vaddr), bytes_.size()));
  if ((h.p_flags & PF_W) && (h.p_flags & PF_X))
    return refuse("image-writable-code",
                  format("the part at address %llu is writable and executable", ull(h.p_vaddr)));
  const uint64_t pageBegin = h.p_vaddr / kPageBytes * kPageBytes;
  if (h.p_memsz == 0 || pageBegin < layout_.memoryBytes)
    return refuse("image-range",
                  format("the part at address %llu is empty or shares a page with the one "
                         "before it",
                         ull(h.p_vaddr)));
  layout_.parts.push_back({h.p_offset, h.p_filesz, h.p_vaddr, h.p_memsz, (h.p_flags & PF_X) != 0});
  layout_.memoryBytes = alignUp(memoryEnd, kPageBytes).valueOrMax();
  return Status::ok();
}

Status ElfReader::readProgramHeaders() {
  for (uint64_t i = 0; i < header_.e_phnum; ++i) {
    const CheckedU64 place = CheckedU64(header_.e_phoff) + CheckedU64(i * sizeof(Elf64_Phdr));
    const auto header = at<Elf64_Phdr>(place.valueOrMax());
    if (!header)
      return refuse("image-range", format("program header %llu at offset %llu of %zu bytes", ull(i),
                                          ull(place.valueOrMax()), bytes_.size()));
    if (header->p_type == PT_LOAD)
      INGOT_TRY(readPart(*header));
    if (header->p_type == PT_DYNAMIC)
      dynamic_ = *header;
    if (header->p_type == PT_INTERP || header->p_type == PT_TLS)
      return refuse("image-import", header->p_type == PT_TLS ? "it has thread-local data"
                                                             : "it asks for an interpreter");
    if (header->p_type == PT_GNU_STACK && (header->p_flags & PF_X))
      return refuse("image-writable-code", "it asks for an executable stack");
  }
  if (layout_.parts.empty() || !dynamic_)
    return refuse("image-elf", "no loadable part or no dynamic section");
  return Status::ok();
}

Status ElfReader::checkDynamicTag(const Elf64_Dyn &entry) {
  const uint64_t value = entry.d_un.d_val;
  switch (entry.d_tag) {
  case DT_NEEDED:
    return refuse("image-import", "it needs another library");
  case DT_RELASZ:
  case DT_RELSZ:
  case DT_PLTRELSZ:
  case DT_RELRSZ:
    return value == 0 ? Status::ok()
                      : refuse("image-relocation", format("%llu bytes of relocations", ull(value)));
  case DT_TEXTREL:
    return refuse("image-relocation", "it has text relocations");
  case DT_INIT:
  case DT_FINI:
  case DT_INIT_ARRAYSZ:
  case DT_FINI_ARRAYSZ:
  case DT_PREINIT_ARRAYSZ:
    return value == 0 ? Status::ok()
                      : refuse("image-constructor", "it has code to run at load or unload");
  case DT_SYMTAB:
    symbolTable_ = value;
    break;
  case DT_STRTAB:
    stringTable_ = value;
    break;
  case DT_STRSZ:
    stringBytes_ = value;
    break;
  case DT_HASH:
    sysvHash_ = value;
    break;
  case DT_GNU_HASH:
    gnuHash_ = value;
    break;
  case DT_SYMENT:
    if (value != sizeof(Elf64_Sym))
      return refuse("image-elf", format("symbols of %llu bytes", ull(value)));
    break;
  default:
    break;
  }
  return Status::ok();
}

Status ElfReader::readDynamic() {
  const uint64_t count = dynamic_->p_filesz / sizeof(Elf64_Dyn);
  for (uint64_t i = 0; i < count; ++i) {
    const CheckedU64 place = CheckedU64(dynamic_->p_offset) + CheckedU64(i * sizeof(Elf64_Dyn));
    const auto entry = at<Elf64_Dyn>(place.valueOrMax());
    if (!entry)
      break;
    if (entry->d_tag == DT_NULL)
      return Status::ok();
    INGOT_TRY(checkDynamicTag(*entry));
  }
  return refuse("image-range", "the dynamic section does not end inside the file");
}

/// The GNU table does not say how many symbols there are: walk the last chain to its end.
Result<uint64_t> ElfReader::countByGnuHash() const {
  struct Table {
    uint32_t buckets, firstSymbol, bloomWords, bloomShift;
  };
  const Status bad = refuse("image-range", "its GNU hash table lies outside the file");
  const auto begin = fileOffset(gnuHash_, sizeof(Table));
  const auto table = begin ? at<Table>(*begin) : std::nullopt;
  if (!table)
    return bad;
  const uint64_t buckets = *begin + sizeof(Table) + uint64_t(table->bloomWords) * 8;
  const uint64_t chains = buckets + uint64_t(table->buckets) * 4;
  uint32_t last = 0;
  for (uint64_t i = 0; i < table->buckets; ++i) {
    const auto bucket = at<uint32_t>(buckets + i * 4);
    if (!bucket)
      return bad;
    last = std::max(last, *bucket);
  }
  if (last < table->firstSymbol)
    return uint64_t(table->firstSymbol);
  for (uint64_t symbol = last;; ++symbol) {
    const auto link = at<uint32_t>(chains + (symbol - table->firstSymbol) * 4);
    if (!link)
      return bad;
    if (*link & 1)
      return symbol + 1;
  }
}

Result<uint64_t> ElfReader::symbolCount() const {
  if (sysvHash_ == 0)
    return gnuHash_ == 0 ? Result<uint64_t>(refuse("image-elf", "it has no symbol hash table"))
                         : countByGnuHash();
  const auto begin = fileOffset(sysvHash_, 8);
  const auto chains = begin ? at<uint32_t>(*begin + 4) : std::nullopt;
  if (!chains)
    return refuse("image-range", "its hash table lies outside the file");
  return uint64_t(*chains);
}

Status ElfReader::readSymbol(const Elf64_Sym &symbol) {
  if (symbol.st_name >= stringBytes_)
    return refuse("image-range",
                  format("a symbol name at %u of %llu", symbol.st_name, ull(stringBytes_)));
  const uint64_t strings = *fileOffset(stringTable_, stringBytes_);
  const char *name = reinterpret_cast<const char *>(bytes_.data() + strings + symbol.st_name);
  const size_t length = ::strnlen(name, stringBytes_ - symbol.st_name);
  if (length == stringBytes_ - symbol.st_name)
    return refuse("image-range", "a symbol name without an end");
  if (symbol.st_shndx == SHN_UNDEF)
    return refuse("image-import", format("it imports \"%s\"", std::string(name, length).c_str()));
  if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC)
    return Status::ok();
  for (const ImagePart &part : layout_.parts)
    if (part.executable && symbol.st_value >= part.address &&
        symbol.st_value - part.address < part.fileBytes &&
        symbol.st_size <= part.fileBytes - (symbol.st_value - part.address)) {
      layout_.symbols.push_back({std::string_view(name, length), symbol.st_value, symbol.st_size});
      return Status::ok();
    }
  return refuse("image-range", format("function \"%s\" at %llu lies outside the code",
                                      std::string(name, length).c_str(), ull(symbol.st_value)));
}

Status ElfReader::readSymbols() {
  INGOT_ASSIGN(const uint64_t count, symbolCount());
  // One division instead of a product that might overflow: the table lies inside the file anyway.
  const bool fits = count >= 1 && count <= bytes_.size() / sizeof(Elf64_Sym);
  const auto table = fits ? fileOffset(symbolTable_, count * sizeof(Elf64_Sym)) : std::nullopt;
  if (!table || !fileOffset(stringTable_, stringBytes_))
    return refuse("image-range",
                  format("a table of %llu symbols or its %llu bytes of names lie outside the "
                         "file",
                         ull(count), ull(stringBytes_)));
  for (uint64_t i = 1; i < count; ++i)
    INGOT_TRY(readSymbol(*at<Elf64_Sym>(*table + i * sizeof(Elf64_Sym))));
  std::sort(layout_.symbols.begin(), layout_.symbols.end(),
            [](const ImageSymbol &a, const ImageSymbol &b) { return a.name < b.name; });
  return Status::ok();
}

Result<ImageLayout> ElfReader::read() {
  INGOT_TRY(readHeader());
  INGOT_TRY(readProgramHeaders());
  INGOT_TRY(readDynamic());
  INGOT_TRY(readSymbols());
  return std::move(layout_);
}

} // namespace

Result<ImageLayout> parseImage(std::span<const uint8_t> bytes) { return ElfReader(bytes).read(); }

} // namespace ingot
