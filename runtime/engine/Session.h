// Everything it takes to talk to an artifact, opened by path: artifact, device, tokenizer, engine.
#pragma once

#include "runtime/artifact/Artifact.h"
#include "runtime/device/CpuDevice.h"
#include "runtime/engine/Engine.h"

#include <thread>

namespace ingot {

struct SessionOptions {
  CpuOptions cpu;
  EngineConfig engine;
  VerifyMode verify = VerifyMode::Auto;
};

class Session {
public:
  static Result<std::unique_ptr<Session>> open(const std::string &path,
                                               const SessionOptions &options);
  ~Session();

  const Artifact &artifact() const { return *artifact_; }
  const artifact::Manifest &manifest() const { return artifact_->manifest(); }
  CpuDevice &device() { return *device_; }
  Engine &engine() { return *engine_; }
  /// Null when the artifact has none.
  const Tokenizer *tokenizer() const { return tokenizer_ ? &*tokenizer_ : nullptr; }

  /// Waits for the background verification of the weights, if there is one, and gives its outcome.
  Status verified();

private:
  Session() = default;

  std::unique_ptr<Artifact> artifact_;
  std::optional<Tokenizer> tokenizer_;
  std::unique_ptr<CpuDevice> device_;
  std::unique_ptr<Engine> engine_;
  std::thread verifier_; ///< only with VerifyMode::Background (or Auto of a large artifact)
  Status verifyOutcome_; ///< written by verifier_, read after join
};

} // namespace ingot
