// Everything it takes to talk to an artifact, opened by path: artifact, device, tokenizer, engine.
#pragma once

#include "runtime/artifact/Artifact.h"
#include "runtime/device/ChooseDevice.h"
#include "runtime/engine/Engine.h"

#include <thread>

namespace ingot {

struct SessionOptions {
  std::string device = "auto"; ///< see DeviceRequest
  CpuOptions cpu;
  bool allowJit = false; ///< the driver of a GPU may compile the artifact's PTX
  EngineConfig engine;
  VerifyMode verify = VerifyMode::Auto;
};

class Session {
public:
  static Result<std::unique_ptr<Session>> open(const std::string &path,
                                               const SessionOptions &options);
  ~Session();

  const Artifact &artifact() const { return *artifact_; }
  /// With the program of the device's target as its own.
  const artifact::Manifest &manifest() const { return *manifest_; }
  Device &device() { return *chosen_.device; }
  /// The device when it is the CPU, else null.
  CpuDevice *cpu() { return chosen_.cpu; }
  /// Which device it is and why not the other, for people.
  const std::string &whyDevice() const { return chosen_.why; }
  Engine &engine() { return *engine_; }
  /// Null when the artifact has none.
  const Tokenizer *tokenizer() const { return tokenizer_ ? &*tokenizer_ : nullptr; }

  /// Waits for the background verification of the weights, if there is one, and gives its outcome.
  Status verified();

private:
  Session() = default;

  std::unique_ptr<Artifact> artifact_;
  std::optional<Tokenizer> tokenizer_;
  const artifact::Manifest *manifest_ = nullptr; ///< owned by the artifact
  ChosenDevice chosen_;
  std::unique_ptr<Engine> engine_;
  std::thread verifier_; ///< only with VerifyMode::Background (or Auto of a large artifact)
  Status verifyOutcome_; ///< written by verifier_, read after join
};

} // namespace ingot
