// Sampling on the host's execution of the GPU: the same logits give the token of the host's sampler
// and of the reference, whatever the filters.
#include "codegen/cuda/EmitSample.h"
#include "ir/reference/Ops.h"
#include "runtime/base/Mxcsr.h"
#include "runtime/engine/Sampler.h"
#include "tests/cuda/support/HostImage.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <random>

using namespace ingot;
using namespace ingot::test;

namespace {

constexpr uint32_t kVocabularies[] = {5, 1000, 17000};
constexpr uint32_t kMaxRows = 40;

cuda::KernelSource sourceFor(uint32_t vocabulary) {
  ProgramValue batch{ValueKind::Batch}, logits{ValueKind::F32Rows}, ids{ValueKind::IndexRows};
  batch.slot = 0, logits.slot = 1, ids.slot = 2;
  logits.columns = vocabulary, ids.columns = 1;
  logits.returnedRows = ids.returnedRows = true;
  KernelProgram program{{batch, logits, ids}, {{OpKind::Sample, {1}, {2}}}, true};
  Result<cuda::KernelSource> source =
      cuda::emitSample(program, "sample_" + std::to_string(vocabulary));
  if (!source.isOk())
    throw std::runtime_error(source.status().toString());
  return *std::move(source);
}

const HostImage &image() {
  static const std::unique_ptr<HostImage> built = [] {
    std::vector<cuda::KernelSource> sources;
    for (const uint32_t vocabulary : kVocabularies)
      sources.push_back(sourceFor(vocabulary));
    auto made = HostImage::build(sources);
    if (!made.isOk())
      FAIL(made.status().message());
    return std::move(*made);
  }();
  return *built;
}

/// Requests of every kind over rows with the given spread.
class SampleCase {
public:
  SampleCase(uint32_t vocabulary, float spread, const std::vector<float> &temperatures)
      : vocabulary_(vocabulary) {
    std::mt19937_64 random(vocabulary + 1);
    std::normal_distribution<float> normal(0, spread);
    for (const float temperature : temperatures)
      for (const uint32_t topK : {0u, 1u, 40u})
        for (const float topP : {1.0f, 0.9f, 0.3f})
          params_.push_back({temperature, topK == 40 ? 0.01f : 0.0f, topK, topP, random(),
                             uint32_t(random() % 3), -1});
    const uint64_t stride = abi::f32RowBytes(vocabulary);
    logits_.assign(params_.size() * stride / 4, NAN); // the padding is never read
    for (size_t r = 0; r < params_.size(); ++r)
      for (uint32_t i = 0; i < vocabulary; ++i)
        logits_[r * stride / 4 + i] = i % 97 == 3 ? -INFINITY : normal(random);
  }

  /// Row of a request, to be changed by tests.
  float *row(size_t r) { return &logits_[r * abi::f32RowBytes(vocabulary_) / 4]; }
  size_t rows() const { return params_.size(); }

  std::vector<uint32_t> onDevice(bool allOrders) {
    abi::BatchView batch{};
    batch.returnedRows = uint32_t(params_.size());
    std::vector<float> work; // the kernel's own copy of the logits, which it overwrites
    std::vector<abi::SampleParams> given;
    for (size_t r = 0; r < params_.size(); ++r)
      given.push_back({params_[r].temperature, params_[r].minP, params_[r].topP, params_[r].topK,
                       params_[r].seed, position(r), params_[r].sampleIndex, 0});
    std::vector<uint32_t> ids(params_.size());
    batch.sampling = given.data();
    work = logits_;
    const cuda::KernelSource source = sourceFor(vocabulary_);
    const uint64_t slots[] = {reinterpret_cast<uint64_t>(&batch),
                              reinterpret_cast<uint64_t>(work.data()),
                              reinterpret_cast<uint64_t>(ids.data())};
    gpu::host::Launch launch;
    launch.gridX = kMaxRows, launch.threads = source.shape.threads;
    launch.sharedBytes = source.shape.dynamicSharedBytes;
    const auto bytes = [&] {
      const auto *first = reinterpret_cast<const uint8_t *>(ids.data());
      return std::vector<uint8_t>(first, first + ids.size() * 4);
    };
    const auto prepare = [&] {
      std::fill(ids.begin(), ids.end(), 77u);
      std::copy(logits_.begin(), logits_.end(), work.begin());
    };
    CHECK((allOrders ? image().runAllOrders(source.name, slots, launch, prepare, bytes)
                     : image().launch(source.name, slots, launch)) == "");
    return ids;
  }

  std::vector<uint32_t> onHost() {
    MxcsrGuard mode;
    std::vector<uint32_t> ids;
    SamplerScratch scratch;
    for (size_t r = 0; r < params_.size(); ++r) {
      const auto made = sampleRow({row(r), vocabulary_}, params_[r], position(r), scratch);
      ids.push_back(made.isOk() ? made->token : abi::kNotFinite);
    }
    return ids;
  }

  std::vector<uint32_t> onReference() {
    MxcsrGuard mode;
    reference::Batch batch;
    reference::Rows logits = reference::Rows::ofFloats(int64_t(rows()), vocabulary_);
    for (size_t r = 0; r < rows(); ++r) {
      const SamplingParams &p = params_[r];
      batch.draws.push_back(
          {p.temperature, p.minP, p.topP, p.topK, p.seed, position(r), p.sampleIndex});
      std::copy_n(row(r), vocabulary_, logits.row(int64_t(r)));
    }
    const reference::Rows ids = reference::evalSample(logits, batch);
    return {ids.ints.begin(), ids.ints.end()};
  }

private:
  static uint64_t position(size_t r) { return 1000 * r + 17; }

  uint32_t vocabulary_;
  std::vector<SamplingParams> params_;
  std::vector<float> logits_;
};

} // namespace

TEST_CASE("sampling with something else in its region is refused") {
  ProgramValue logits{ValueKind::F32Rows}, ids{ValueKind::IndexRows};
  logits.slot = 1, logits.columns = 5;
  KernelProgram program{
      {logits, ids}, {{OpKind::Silu, {0}, {0}}, {OpKind::Sample, {0}, {1}}}, true};
  CHECK(cuda::emitSample(program, "both").status().id() == "cuda-kernel");
}
TEST_CASE("a device draws the token that the host draws") {
  for (const float spread : {0.01f, 2.0f}) { // flat: more candidates than shared memory holds
    SampleCase few(5, spread, {0.0f, 5.0f}), some(1000, spread, {1.0f}),
        many(17000, spread, {0.7f});
    CHECK(few.onDevice(false) == few.onHost());
    CHECK(some.onDevice(true) == some.onHost());
    CHECK(many.onDevice(false) == many.onHost());
    CHECK(few.onReference() == few.onHost());
    CHECK(some.onReference() == some.onHost());
  }
}
TEST_CASE("a device refuses rows that are not finite, as the host does") {
  SampleCase test(1000, 1.0f, {1.0f});
  test.row(0)[999] = NAN;
  test.row(1)[0] = INFINITY;
  std::fill(test.row(2), test.row(2) + 1000, -INFINITY);
  std::fill(test.row(8), test.row(8) + 1000, 1.5f); // all alike
  const std::vector<uint32_t> ids = test.onDevice(false);
  CHECK(ids == test.onHost());
  CHECK(ids == test.onReference());
  CHECK(ids[2] == abi::kNotFinite);
}
