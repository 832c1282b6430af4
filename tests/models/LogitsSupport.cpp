#include "tests/models/LogitsSupport.h"

#include "models/import/Checkpoint.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>

namespace ingot::test {

ExpectedLogits readExpectedLogits(const std::string &path, const std::string &idsName) {
  auto file = Checkpoint::openFile(path);
  INFO(file.status().toString());
  REQUIRE(file.isOk());
  const Checkpoint::Tensors &tensors = (*file)->tensors();
  const WeightView &ids = tensors.at(idsName).view, &logits = tensors.at("logits").view;
  REQUIRE(tensors.at(idsName).type == "I32");
  REQUIRE(tensors.at("logits").type == "F32");
  REQUIRE(logits.shape.size() == 2);
  REQUIRE(logits.shape[0] == ids.shape[0]);
  ExpectedLogits expected;
  expected.ids.resize(ids.bytes / 4);
  std::memcpy(expected.ids.data(), ids.data, ids.bytes);
  expected.logits.resize(logits.bytes / 4);
  std::memcpy(expected.logits.data(), logits.data, logits.bytes);
  expected.vocab = logits.shape[1];
  return expected;
}

ReferenceModel::ReferenceModel(const std::string &directory) {
  auto imported = importModel(directory, {}, context_);
  INFO(imported.status().toString());
  REQUIRE(imported.isOk());
  model_ = std::make_unique<ImportedModel>(*std::move(imported));
  evaluator_ = std::make_unique<Evaluator>(*model_->module, *model_->weights);
}

std::vector<float> ReferenceModel::logits(const std::vector<uint32_t> &ids, int64_t chunk) {
  auto rows = evaluator_->forwardTokens(ids, chunk, reference::CacheFormat::F32);
  INFO(rows.status().toString());
  REQUIRE(rows.isOk());
  REQUIRE(rows->rows == static_cast<int64_t>(ids.size()));
  REQUIRE(rows->columns == model_->info.vocab);
  return rows->floats;
}

double largestError(const std::vector<float> &actual, const std::vector<float> &expected) {
  REQUIRE(actual.size() == expected.size());
  double sum = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    sum += expected[i];
    squares += double(expected[i]) * expected[i];
    // Written so that a NaN counts as the largest error of all.
    const double error = std::fabs(double(actual[i]) - expected[i]);
    largest = error <= largest ? largest : error;
  }
  const double count = static_cast<double>(expected.size()), mean = sum / count;
  return largest / std::sqrt(squares / count - mean * mean);
}

uint32_t argmax(const float *values, int64_t count) {
  uint32_t best = 0;
  for (int64_t i = 1; i < count; ++i)
    if (values[i] > values[best])
      best = static_cast<uint32_t>(i);
  return best;
}

} // namespace ingot::test
