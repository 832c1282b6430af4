// ingot materialize: the command line of Materialize.h.

#include "runtime/base/Format.h"
#include "runtime/tools/Materialize.h"
#include "runtime/tools/ToolSupport.h"

namespace ingot::tools {

Command addMaterializeCommand(CLI::App &root) {
  auto options = std::make_shared<MaterializeOptions>();
  CLI::App *app =
      root.add_subcommand("materialize", "Writes generated weights into a file that holds them");
  app->add_option("artifact", options->path, "An .ingot file made with --random-weights")
      ->required();
  app->add_option("-o,--output", options->output, "The file to write")->required();
  app->footer("Example:\n  ingotc config-dir -o small.ingot --random-weights 1\n"
              "  ingot materialize small.ingot -o full.ingot");
  return {app, [options] {
            INGOT_ASSIGN(const uint64_t bytes, materializeCommand(*options));
            return writeOut(
                format("%s: %s\n", options->output.c_str(), formatBytes(bytes).c_str()));
          }};
}

} // namespace ingot::tools
