#include "codegen/cuda/Nvrtc.h"

#include "codegen/cuda/EmbeddedSources.h"
#include "runtime/base/Format.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>

namespace ingot::cuda {

/// NVRTC's C interface: results are 0 for success, programs are opaque.
struct Nvrtc::Api {
  using ProgramHandle = void *;
  void *library = nullptr;
  int (*version)(int *major, int *minor) = nullptr;
  const char *(*errorString)(int) = nullptr;
  int (*create)(ProgramHandle *, const char *source, const char *name, int headers,
                const char *const *texts, const char *const *names) = nullptr;
  int (*destroy)(ProgramHandle *) = nullptr;
  int (*compile)(ProgramHandle, int count, const char *const *options) = nullptr;
  int (*logSize)(ProgramHandle, size_t *) = nullptr;
  int (*log)(ProgramHandle, char *) = nullptr;
  int (*cubinSize)(ProgramHandle, size_t *) = nullptr;
  int (*cubin)(ProgramHandle, char *) = nullptr;
  int (*ptxSize)(ProgramHandle, size_t *) = nullptr;
  int (*ptx)(ProgramHandle, char *) = nullptr;

  template <typename Function>
  bool find(const char *name, Function &function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
  }
  bool findAll() {
    return find("nvrtcVersion", version) && find("nvrtcGetErrorString", errorString) &&
           find("nvrtcCreateProgram", create) && find("nvrtcDestroyProgram", destroy) &&
           find("nvrtcCompileProgram", compile) && find("nvrtcGetProgramLogSize", logSize) &&
           find("nvrtcGetProgramLog", log) && find("nvrtcGetCUBINSize", cubinSize) &&
           find("nvrtcGetCUBIN", cubin) && find("nvrtcGetPTXSize", ptxSize) &&
           find("nvrtcGetPTX", ptx);
  }
};

Nvrtc::Nvrtc() : api_(std::make_unique<Api>()) {}

// Stays loaded: the library keeps threads and tables of its own.
Nvrtc::~Nvrtc() = default;

Result<std::unique_ptr<Nvrtc>> Nvrtc::load() {
  std::unique_ptr<Nvrtc> nvrtc(new Nvrtc);
  Api &api = *nvrtc->api_;
  const char *given = std::getenv("INGOT_NVRTC");
  const char *usual[] = {"libnvrtc.so.13", "libnvrtc.so.12", "/usr/local/cuda/lib64/libnvrtc.so"};
  std::string tried;
  const auto open = [&](const char *name) {
    api.library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!api.library)
      tried += (tried.empty() ? "" : ", ") + std::string(name);
    return api.library != nullptr;
  };
  if (given && *given)
    open(given);
  else
    for (const char *name : usual)
      if (open(name))
        break;
  if (!api.library)
    return Status(ErrorClass::Unavailable, "nvrtc-missing",
                  "target cuda needs NVRTC, which was not found (tried " + tried +
                      "); install the CUDA Toolkit 12 or 13 (its part cuda-nvrtc is enough) or "
                      "name the library in INGOT_NVRTC. Other targets do without it");
  int major = 0, minor = 0;
  if (!api.findAll() || api.version(&major, &minor) != 0)
    return Status(ErrorClass::Unavailable, "nvrtc-missing",
                  "the NVRTC library found is not one this compiler knows; NVRTC 12 or 13 of the "
                  "CUDA Toolkit is needed");
  nvrtc->version_ = format("%d.%d", major, minor);
  return nvrtc;
}

namespace {

/// Explicit arithmetic only: nothing contracted, division and root exact, denormals flushed as on
/// the CPU. -default-device lets runtime/base/Numerics.h serve as it is.
constexpr const char *kOptions[] = {
    "-std=c++20",      "-default-device",  "--fmad=false",       "--ftz=true",
    "--prec-div=true", "--prec-sqrt=true", "--ptxas-options=-v",
};

/// Where a header lies as kernels include it; the stand-ins of the standard library by their bare
/// name.
std::string includeName(std::string_view path) {
  constexpr std::string_view kStandard = "codegen/cuda/kernels/standard/";
  return std::string(path.starts_with(kStandard) ? path.substr(kStandard.size()) : path);
}

struct Headers {
  std::vector<std::string> names, texts;
  std::vector<const char *> namePointers, textPointers;

  Headers() {
    for (const EmbeddedSource &source : embeddedSources()) {
      names.push_back(includeName(source.path));
      texts.emplace_back(source.text);
    }
    for (size_t i = 0; i < names.size(); ++i) {
      namePointers.push_back(names[i].c_str());
      textPointers.push_back(texts[i].c_str());
    }
  }
};

/// The number behind `key` in `text`, or before it when `before`; 0 without one.
uint32_t numberBefore(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == std::string_view::npos)
    return 0;
  size_t begin = at;
  while (begin > 0 && (text[begin - 1] == ' '))
    --begin;
  size_t end = begin;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9')
    --begin;
  uint32_t value = 0;
  for (; begin < end; ++begin)
    value = value * 10 + static_cast<uint32_t>(text[begin] - '0');
  return value;
}

uint32_t count(std::string_view text, std::string_view what) {
  uint32_t found = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size())
    ++found;
  return found;
}

} // namespace

KernelResources readResources(std::string_view log) {
  const uint32_t losses = count(log, "Potential Performance Loss");
  // Device functions that were not inlined come with lines of their own; the kernel's follow its
  // "Compiling entry function".
  if (const size_t entry = log.find("Compiling entry function"); entry != std::string_view::npos)
    log.remove_prefix(entry);
  return {numberBefore(log, " registers"),          numberBefore(log, " bytes stack frame"),
          numberBefore(log, " bytes spill stores"), numberBefore(log, " bytes spill loads"),
          numberBefore(log, " bytes smem"),         losses};
}

std::string_view Nvrtc::options() {
  static const std::string text = [] {
    std::string joined;
    for (const char *option : kOptions)
      joined += std::string(joined.empty() ? "" : " ") + option;
    return joined;
  }();
  return text;
}

Result<NvrtcOutput> Nvrtc::compile(const std::string &source,
                                   const std::string &architecture) const {
  static const Headers headers;
  const auto failed = [&](const std::string &why) {
    return Status(ErrorClass::Internal, "nvrtc-failed", architecture + ": " + why);
  };
  Api::ProgramHandle program = nullptr;
  // A fixed name: the bytes depend on it.
  if (int code = api_->create(&program, source.c_str(), "ingot_kernel.cu",
                              static_cast<int>(headers.names.size()), headers.textPointers.data(),
                              headers.namePointers.data());
      code != 0)
    return failed(api_->errorString(code));
  const std::unique_ptr<void, std::function<void(void *)>> owner(
      program, [&](void *) { api_->destroy(&program); });

  std::vector<const char *> options(std::begin(kOptions), std::end(kOptions));
  const std::string arch = "-arch=" + architecture;
  options.push_back(arch.c_str());
  const int code = api_->compile(program, static_cast<int>(options.size()), options.data());
  size_t bytes = 0;
  std::string log;
  if (api_->logSize(program, &bytes) == 0 && bytes > 1) {
    log.resize(bytes);
    api_->log(program, log.data());
    log.resize(std::strlen(log.c_str()));
  }
  if (code != 0)
    return failed(std::string(api_->errorString(code)) + "\n" + log);

  NvrtcOutput output;
  const bool ptx = architecture.starts_with("compute_");
  if ((ptx ? api_->ptxSize : api_->cubinSize)(program, &bytes) != 0 || bytes == 0)
    return failed("no code came out");
  output.code.resize(bytes);
  (ptx ? api_->ptx : api_->cubin)(program, reinterpret_cast<char *>(output.code.data()));
  if (ptx)
    output.code.pop_back(); // NVRTC counts the text's end mark
  else
    output.resources = readResources(log);
  return output;
}

} // namespace ingot::cuda
