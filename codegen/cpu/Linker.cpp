#include "codegen/cpu/Linker.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

namespace ingot::cpu {

namespace {

Status linkError(const char *id, const std::string &what) {
  return Status(ErrorClass::Internal, id,
                "linking the code image: " + what + "; this is a bug of Ingot, please report it");
}

Status osError(const std::string &what, std::error_code code) {
  return Status(ErrorClass::Os, "link-temporary-files",
                what + ": " + code.message() + "; set TMPDIR to a writable directory");
}

/// A directory that vanishes with everything in it.
class TemporaryDirectory {
public:
  ~TemporaryDirectory() {
    if (!path_.empty())
      llvm::sys::fs::remove_directories(path_);
  }
  Status create() {
    if (std::error_code code = llvm::sys::fs::createUniqueDirectory("ingot-link", path_))
      return osError("cannot create a temporary directory", code);
    return Status::ok();
  }
  std::string file(const std::string &name) const { return (path_ + "/" + name).str(); }

private:
  llvm::SmallString<128> path_;
};

Status writeFile(const std::string &path, const std::string &bytes) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (code)
    return osError("cannot write " + path, code);
  stream << bytes;
  stream.close();
  if (stream.has_error()) {
    code = stream.error();
    stream.clear_error(); // else its destructor ends the process
    return osError("cannot write " + path, code);
  }
  return Status::ok();
}

Status runLinker(const std::vector<std::string> &arguments) {
  static std::mutex mutex; // lld keeps its state in globals
  std::lock_guard lock(mutex);
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  const lld::Result result = lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return linkError("link-failed", messages.empty() ? "lld failed without a message" : messages);
  return Status::ok();
}

using Elf = llvm::object::ELFFile<llvm::object::ELF64LE>;

Status checkSegments(const Elf &elf) {
  auto headers = elf.program_headers();
  if (!headers)
    return linkError("image-malformed", llvm::toString(headers.takeError()));
  for (const auto &header : *headers)
    if (header.p_type == llvm::ELF::PT_LOAD && (header.p_flags & llvm::ELF::PF_W))
      return linkError("image-writable", "a segment is writable");
  return Status::ok();
}

Status checkDynamicTable(const Elf &elf) {
  auto entries = elf.dynamicEntries();
  if (!entries)
    return linkError("image-malformed", llvm::toString(entries.takeError()));
  for (const auto &entry : *entries)
    switch (entry.d_tag) {
    case llvm::ELF::DT_NEEDED:
      return linkError("image-needs-library", "it needs another library");
    case llvm::ELF::DT_RELA:
    case llvm::ELF::DT_REL:
    case llvm::ELF::DT_RELR:
    case llvm::ELF::DT_JMPREL:
    case llvm::ELF::DT_TEXTREL:
      return linkError("image-has-relocations", "it has relocations");
    case llvm::ELF::DT_INIT:
    case llvm::ELF::DT_INIT_ARRAY:
    case llvm::ELF::DT_FINI:
    case llvm::ELF::DT_FINI_ARRAY:
      return linkError("image-has-initialisers", "it has code that would run at load");
    default:
      break;
    }
  return Status::ok();
}

Status checkSymbols(const llvm::object::ELF64LEObjectFile &object,
                    std::span<const std::string> kernelNames) {
  llvm::StringSet<> exported;
  for (const llvm::object::ELFSymbolRef symbol : object.getDynamicSymbolIterators()) {
    auto name = symbol.getName();
    auto flags = symbol.getFlags();
    if (!name || !flags)
      return linkError("image-malformed", "a dynamic symbol cannot be read");
    if (*flags & llvm::object::SymbolRef::SF_Undefined)
      return linkError("image-has-imports", "it imports " + name->str());
    if (symbol.getELFType() == llvm::ELF::STT_FUNC)
      exported.insert(*name);
  }
  for (const std::string &name : kernelNames)
    if (!exported.contains(name))
      return linkError("image-lacks-kernel", "it does not export " + name);
  return Status::ok();
}

} // namespace

Result<std::string> linkImage(std::span<const std::string> objects,
                              std::span<const std::string> kernelNames) {
  TemporaryDirectory directory;
  INGOT_TRY(directory.create());
  const std::string output = directory.file("image.so");
  // -z rodynamic, norelro: nothing is written at load, so no page has to be writable.
  std::vector<std::string> arguments = {"ld.lld",
                                        "-shared",
                                        "--no-undefined",
                                        "-z",
                                        "norelro",
                                        "-z",
                                        "rodynamic",
                                        "-z",
                                        "now",
                                        "-z",
                                        "max-page-size=4096",
                                        "--build-id=none",
                                        "-O2",
                                        "--gc-sections",
                                        "--strip-all",
                                        "--hash-style=gnu",
                                        "-soname=ingot_kernels",
                                        "-o",
                                        output};
  for (size_t i = 0; i < objects.size(); ++i) {
    const std::string path = directory.file(std::to_string(i) + ".o");
    INGOT_TRY(writeFile(path, objects[i]));
    arguments.push_back(path);
  }
  INGOT_TRY(runLinker(arguments));
  auto buffer = llvm::MemoryBuffer::getFile(output, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return osError("cannot read " + output, buffer.getError());
  std::string image = (*buffer)->getBuffer().str();
  INGOT_TRY(checkImage(image, kernelNames));
  return image;
}

Status checkImage(const std::string &image, std::span<const std::string> kernelNames) {
  auto object = llvm::object::ELF64LEObjectFile::create(
      llvm::MemoryBufferRef(llvm::StringRef(image), "image"));
  if (!object)
    return linkError("image-malformed", llvm::toString(object.takeError()));
  const Elf &elf = object->getELFFile();
  if (elf.getHeader().e_type != llvm::ELF::ET_DYN ||
      elf.getHeader().e_machine != llvm::ELF::EM_X86_64)
    return linkError("image-malformed", "not an x86-64 shared object");
  INGOT_TRY(checkSegments(elf));
  INGOT_TRY(checkDynamicTable(elf));
  return checkSymbols(*object, kernelNames);
}

} // namespace ingot::cpu
