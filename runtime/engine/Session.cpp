#include "runtime/engine/Session.h"

#include "runtime/base/Format.h"

#include <system_error>

namespace ingot {

Result<std::unique_ptr<Session>> Session::open(const std::string &path,
                                               const SessionOptions &options) {
  std::unique_ptr<Session> session(new Session);
  OpenOptions openOptions;
  openOptions.verify = options.verify;
  openOptions.threads = options.cpu.threads ? options.cpu.threads : availableProcessors();
  openOptions.fillGenerated = false;
  INGOT_ASSIGN(session->artifact_, Artifact::open(path, openOptions));
  Artifact &artifact = *session->artifact_;
  if (!artifact.tokenizer().empty()) {
    INGOT_ASSIGN(session->tokenizer_, Tokenizer::load(artifact.tokenizer()));
  }
  INGOT_ASSIGN(session->chosen_,
               chooseDevice(artifact, {options.device, options.cpu, options.allowJit}));
  session->manifest_ = artifact.manifestFor(session->chosen_.target);
  INGOT_TRY(artifact.fillGenerated(session->chosen_.target, openOptions.threads));

  EngineParts parts{&session->manifest(), {}, session->chosen_.device.get(), session->tokenizer_};
  for (uint32_t i = 0; i < artifact.manifest().params.size(); ++i)
    parts.params.push_back(artifact.param(i).data());
  INGOT_ASSIGN(session->engine_, Engine::create(std::move(parts), options.engine));

  if (artifact.weightsPending() && options.verify != VerifyMode::Off) {
    try {
      Session *self = session.get();
      session->verifier_ =
          std::thread([self] { self->verifyOutcome_ = self->artifact_->verifyWeights(); });
    } catch (const std::system_error &error) {
      return Status(
          ErrorClass::Os, "thread-create-failed",
          format("no thread for verifying the weights (%s); use --verify=full", error.what()));
    }
  }
  return session;
}

Session::~Session() {
  if (verifier_.joinable())
    verifier_.join();
}

Status Session::verified() {
  if (verifier_.joinable())
    verifier_.join();
  return verifyOutcome_;
}

} // namespace ingot
