#include "passes/plan/KernelName.h"

#include "ir/KernelSpec.h"
#include "runtime/base/Format.h"
#include "runtime/base/Hash.h"

#include "llvm/ADT/StringExtras.h"

using namespace ingot;

std::string ingot::kernelSource(FusedOp fused) {
  return "variant " + fused.getVariant().value_or("plain").str() + "\n" + kernelSpecText(fused);
}

std::string ingot::kernelName(FusedOp fused) {
  std::string name = fused.getName().str();
  if (auto variant = fused.getVariant())
    name += "_" + variant->str();
  for (char &c : name)
    c = llvm::isAlnum(c) ? c : '_';
  return name + format("_%016llx", static_cast<unsigned long long>(hash64(kernelSource(fused))));
}
