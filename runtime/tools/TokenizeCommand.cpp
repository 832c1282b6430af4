// ingot tokenize: text to token ids and back.

#include "runtime/artifact/Artifact.h"
#include "runtime/base/Format.h"
#include "runtime/base/JsonWriter.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/tools/ToolSupport.h"

#include <sstream>

namespace ingot::tools {
namespace {

struct TokenizeOptions {
  std::string path, file, decode;
  std::vector<std::string> texts;
  bool noSpecial = false, json = false;
};

Result<Tokenizer> openTokenizer(const std::string &path) {
  OpenOptions options;
  options.verify = VerifyMode::Off;
  options.fillGenerated = false;
  INGOT_ASSIGN(const std::unique_ptr<Artifact> artifact, Artifact::open(path, options));
  if (artifact->tokenizer().empty())
    return Status(ErrorClass::Config, "tokenizer-absent",
                  path + " has no tokenizer; compile it from a directory with tokenizer.json");
  return Tokenizer::load(artifact->tokenizer());
}

Result<std::vector<uint32_t>> parseIds(const std::string &text) {
  std::vector<uint32_t> ids;
  std::string word;
  std::istringstream words(text);
  while (std::getline(words, word, text.find(',') == std::string::npos ? ' ' : ',')) {
    word.erase(0, word.find_first_not_of(" \t\n"));
    if (word.empty())
      continue;
    char *end = nullptr;
    const unsigned long id = std::strtoul(word.c_str(), &end, 10);
    if (word[0] == '-' || *end > ' ' || id > ~uint32_t(0))
      return Status(ErrorClass::Usage, "ids-malformed",
                    format("\"%s\" is not a token id; write --decode \"1,15,7\"", word.c_str()));
    ids.push_back(static_cast<uint32_t>(id));
  }
  return ids;
}

void printIds(const Tokenizer &tokenizer, const std::vector<uint32_t> &ids, bool json,
              std::ostringstream &out) {
  if (!json) {
    for (size_t i = 0; i < ids.size(); ++i)
      out << (i ? " " : "") << ids[i];
    out << "\n";
    return;
  }
  JsonWriter writer(out, /*pretty=*/false);
  writer.beginObject().key("ids").beginArray();
  for (const uint32_t id : ids)
    writer.value(id);
  writer.endArray().key("pieces").beginArray();
  for (const uint32_t id : ids)
    writer.value(tokenizer.tokenBytes(id));
  writer.endArray().field("count", static_cast<uint64_t>(ids.size())).endObject();
  out << "\n";
}

Status runTokenize(const TokenizeOptions &options) {
  INGOT_ASSIGN(const Tokenizer tokenizer, openTokenizer(options.path));
  if (!options.decode.empty()) {
    INGOT_ASSIGN(const std::vector<uint32_t> ids, parseIds(options.decode));
    return writeOut(tokenizer.decode(ids, {/*skipSpecial=*/false}) + "\n");
  }
  std::vector<std::string> texts = options.texts;
  if (!options.file.empty() || texts.empty()) {
    INGOT_ASSIGN(std::string text, readText(options.file.empty() ? "-" : options.file));
    texts.push_back(std::move(text));
  }
  std::ostringstream out;
  for (const std::string &text : texts) {
    INGOT_ASSIGN(const std::vector<uint32_t> ids,
                 tokenizer.encode(text, {!options.noSpecial, !options.noSpecial}));
    printIds(tokenizer, ids, options.json, out);
  }
  return writeOut(out.str());
}

} // namespace

Command addTokenizeCommand(CLI::App &root) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App *app =
      root.add_subcommand("tokenize", "Shows the token ids of a text, or the text of ids");
  app->add_option("artifact", options->path, "The .ingot file")->required();
  app->add_option("-p,--prompt", options->texts, "Text; repeatable, one line of ids each");
  app->add_option("-f,--file", options->file, "File to read the text from; - is standard input");
  app->add_option("--decode", options->decode, "Ids to turn into text: \"1,15,7\"");
  app->add_flag("--no-special", options->noSpecial,
                "Add no begin or end token and read control tokens as plain characters");
  app->add_flag("--json", options->json, "One JSON object per text, with the bytes of each token");
  app->footer("Example:\n  ingot tokenize model.ingot -p \"Once upon a time\"\n"
              "  ingot tokenize model.ingot --decode \"403 407 261 378\"");
  return {app, [options] { return runTokenize(*options); }};
}

} // namespace ingot::tools
