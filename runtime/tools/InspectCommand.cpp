// ingot inspect: the command line of Inspect.h.

#include "runtime/tools/Inspect.h"
#include "runtime/tools/ToolSupport.h"

#include <sstream>

namespace ingot::tools {

Command addInspectCommand(CLI::App &root) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App *app = root.add_subcommand("inspect", "Explains an artifact, every byte of it");
  app->add_option("artifact", options->path, "The .ingot file")->required();
  app->add_flag("--tensors", options->tensors,
                "One line per parameter, with its checkpoint tensors");
  app->add_flag("--plan", options->plan, "Every buffer and every launch of every schedule");
  app->add_flag("--json", options->json, "Everything, as one JSON object");
  app->footer("Example:\n  ingot inspect model.ingot --tensors");
  return {app, [options] {
            std::ostringstream out;
            INGOT_TRY(inspectCommand(*options, out));
            return writeOut(out.str());
          }};
}

} // namespace ingot::tools
