#include "runtime/tools/Verify.h"

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/ModuleBundle.h"
#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"

#include <set>

namespace ingot::tools {

/// Names of the kernels that an image defines, after all that can be checked without running it.
static Result<std::set<std::string>> kernelsOf(const Artifact &a, const artifact::Image &image) {
  std::set<std::string> names;
  if (image.target == "cpu") {
    INGOT_ASSIGN(const ImageLayout layout, parseImage(a.segment(image.segment)));
    for (const ImageSymbol &symbol : layout.symbols)
      names.insert(std::string(symbol.name));
    return names;
  }
  INGOT_ASSIGN(const std::vector<CodeModule> modules, readModuleBundle(a.segment(image.segment)));
  for (const CodeModule &module : modules)
    names.insert(module.kernels.begin(), module.kernels.end());
  return names;
}

/// Images of every target level: parsed, and compared with the list of kernels.
static Status verifyImages(const Artifact &a, std::vector<VerifiedPart> &parts) {
  for (const artifact::Image &image : a.manifest().images) {
    const artifact::TargetProgram *program = a.manifest().programOf(image.target);
    if (!program)
      continue; // a target of a newer runtime
    const Result<std::set<std::string>> names = kernelsOf(a, image);
    if (!names)
      return names.status().at(a.path() + ": " + image.level);
    for (const artifact::Kernel &kernel : program->kernels)
      if (names->count(kernel.name) == 0)
        return Status(
            ErrorClass::Data, "image-symbol",
            format("%s: %s: the code exports no kernel \"%s\"; compile the artifact again",
                   a.path().c_str(), image.level.c_str(), kernel.name.c_str()));
    parts.push_back({"code " + image.level,
                     format("%zu kernels%s", program->kernels.size(),
                            image.target == "cpu" ? ", no imports, no relocations" : "")});
  }
  return Status::ok();
}

static void describe(const Artifact &a, std::vector<VerifiedPart> &parts) {
  const artifact::Manifest &m = a.manifest();
  parts.push_back({"header", "hash, sizes, version"});
  parts.push_back({"manifest", format("%llu bytes, hash and rules",
                                      static_cast<unsigned long long>(a.header().manifestBytes))});
  for (const artifact::Segment &segment : m.segments)
    parts.push_back(
        {"segment " + segment.name,
         format("%llu bytes, %zu %s", static_cast<unsigned long long>(segment.bytes),
                segment.chunkHashes.size(), segment.chunkHashes.size() == 1 ? "hash" : "hashes")});
  size_t generated = 0;
  for (const artifact::Param &param : m.params)
    generated += param.generator.has_value();
  if (generated > 0)
    parts.push_back(
        {"generated weights", format("%zu parameters, hash of the first MiB of each", generated)});
  parts.push_back({"padding", "zero"});
}

Status verifyCommand(const VerifyOptions &options, std::ostream &out) {
  OpenOptions open;
  open.verify = VerifyMode::Full;
  open.threads = options.threads;
  INGOT_ASSIGN(const std::unique_ptr<Artifact> artifact, Artifact::open(options.path, open));
  std::vector<VerifiedPart> parts;
  describe(*artifact, parts);
  INGOT_TRY(verifyImages(*artifact, parts));
  if (options.run)
    INGOT_TRY(options.run(parts));
  if (options.json) {
    JsonWriter json(out);
    json.beginObject().field("path", options.path).field("ok", true);
    json.field("file_bytes", static_cast<uint64_t>(artifact->bytes().size()))
        .key("parts")
        .beginArray();
    for (const VerifiedPart &part : parts)
      json.beginObject().field("name", part.name).field("detail", part.detail).endObject();
    json.endArray().endObject();
    return Status::ok();
  }
  for (const VerifiedPart &part : parts)
    out << format("  ok  %-52s %s\n", part.name.c_str(), part.detail.c_str());
  out << options.path << ": every byte is accounted for\n";
  return Status::ok();
}

} // namespace ingot::tools
