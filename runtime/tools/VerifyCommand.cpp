// ingot verify: the command line of Verify.h, and the known answers behind --run.

#include "runtime/base/Format.h"
#include "runtime/engine/KnownAnswers.h"
#include "runtime/tools/ToolSupport.h"
#include "runtime/tools/Verify.h"

#include <sstream>

namespace ingot::tools {
namespace {

struct Options {
  VerifyOptions verify;
  std::string cpu, device = "auto";
  bool run = false;
};

/// Computes the known answers on this machine and compares them.
Status runAnswers(const Options &options, std::vector<VerifiedPart> &parts) {
  SessionOptions session;
  session.cpu.threads = options.verify.threads;
  session.cpu.level = options.cpu;
  session.device = options.device;
  session.verify = VerifyMode::Off; // every byte was just checked
  INGOT_ASSIGN(const std::unique_ptr<Session> opened, Session::open(options.verify.path, session));
  INGOT_ASSIGN(const std::vector<KnownAnswerResult> results, runKnownAnswers(*opened));
  INGOT_TRY(checkKnownAnswers(results).at(options.verify.path));
  for (const KnownAnswerResult &result : results)
    parts.push_back({"answer " + result.what, describe(result)});
  return Status::ok();
}

} // namespace

Command addVerifyCommand(CLI::App &root) {
  auto options = std::make_shared<Options>();
  CLI::App *app = root.add_subcommand("verify", "Checks every hash and rule of an artifact");
  app->add_option("artifact", options->verify.path, "The .ingot file")->required();
  CLI::Option *run =
      app->add_flag("--run", options->run, "Also compute the known answers on this machine");
  app->add_option("--cpu", options->cpu, "With --run: force an instruction set, such as x86-64-v3")
      ->needs(run);
  app->add_option("--device", options->device,
                  "With --run: cpu, cuda, cuda:N, or auto = a GPU that runs it, else the CPU")
      ->needs(run);
  app->add_option("--threads,-t", options->verify.threads, "Threads that hash and compute")
      ->check(CLI::Range(1, 1024, "1..1024"));
  app->add_flag("--json", options->verify.json, "Result as JSON");
  app->footer("Example:\n  ingot verify model.ingot --run");
  return {app, [options] {
            if (options->run)
              // By reference: the options must not own themselves.
              options->verify.run = [&own = *options](std::vector<VerifiedPart> &parts) {
                return runAnswers(own, parts);
              };
            std::ostringstream out;
            INGOT_TRY(verifyCommand(options->verify, out));
            return writeOut(out.str());
          }};
}

} // namespace ingot::tools
