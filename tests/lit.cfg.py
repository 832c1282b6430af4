# The .mlir tests of all folders. Run by ctest ("lit"), or: lit -v <build>/tests [--filter NAME]
import os

import lit.formats

config.name = "ingot"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = ["inputs", "data"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.ingot_build_dir, "tests")

# The tools of this build first, then FileCheck, not and split-file of LLVM.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.ingot_build_dir, "bin"), config.llvm_bin_dir, os.environ.get("PATH", "")])

config.substitutions.append(("%ingot_source", config.ingot_source_dir))

# Tests that read data from outside the repository say `REQUIRES: shared-data`.
shared = os.environ.get("INGOT_SHARED", os.path.join(config.ingot_source_dir, "..", "shared"))
if os.path.isdir(os.path.join(shared, "data", "models")):
    config.available_features.add("shared-data")
    config.substitutions.append(("%shared", os.path.realpath(shared)))
