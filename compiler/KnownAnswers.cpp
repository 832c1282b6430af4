#include "compiler/KnownAnswers.h"

#include "compiler/ReferenceWeights.h"
#include "ir/reference/Evaluator.h"
#include "passes/plan/Probe.h"
#include "passes/support/Program.h"
#include "runtime/base/Format.h"
#include "runtime/base/Random.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace mlir;

namespace ingot {
namespace {

using artifact::KnownAnswer;

constexpr uint32_t kTokens = 5, kColumns = 64;
constexpr uint64_t kSeed = 0x1a60; ///< of tokens and columns
/// Elements of the parameters, without the tables of the vocabulary, up to which the whole model is
/// answered for: about a second at most.
constexpr uint64_t kWholeModelElements = 50'000'000;

/// Parameters of which single rows are enough: embedding tables and the head, by name.
struct VocabularyParams {
  std::set<std::string> tables; ///< of embeddings
  std::string head;             ///< empty when all its columns are needed
  int64_t tableRows = 0;        ///< of the shortest table
  bool sliced = true;           ///< whether the tables may be cut down to the rows of the tokens

  bool has(const std::string &name) const {
    return (sliced && tables.count(name) > 0) || name == head;
  }
};

VocabularyParams vocabularyOf(func::FuncOp entry) {
  VocabularyParams found;
  LinearOp head = headOf(entry);
  std::set<std::string> heads, others;
  entry.walk([&](ParamOp param) {
    const std::string name = param.getName().str();
    for (OpOperand &use : param->getUses()) {
      if (auto embed = dyn_cast<EmbedOp>(use.getOwner()); embed && embed.getTable() == use.get()) {
        const int64_t rows = cast<RankedTensorType>(param.getType()).getDimSize(0);
        found.tableRows = found.tables.empty() ? rows : std::min(found.tableRows, rows);
        found.tables.insert(name);
      } else if (head && use.getOwner() == head && head.getWeight() == use.get()) {
        heads.insert(name);
      } else {
        others.insert(name);
      }
    }
  });
  found.sliced = !found.tables.empty() &&
                 std::none_of(found.tables.begin(), found.tables.end(),
                              [&](const std::string &name) { return others.count(name) > 0; });
  for (const std::string &name : heads)
    if (others.count(name) == 0 && (found.sliced || found.tables.count(name) == 0))
      found.head = name;
  return found;
}

/// Tokens drawn from the vocabulary; no tokenizer is involved.
std::vector<uint32_t> drawTokens(uint32_t vocab, uint32_t maxContext) {
  std::vector<uint32_t> tokens(std::min(kTokens, maxContext));
  const uint64_t key = randomKey(kSeed, 0);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<uint32_t>(randomBits(key, i) % vocab);
  return tokens;
}

/// One column at a random place in each of kColumns equal runs of the vocabulary, and those of the
/// tokens, whose rows a tied table needs anyway. Ascending.
std::vector<uint32_t> drawColumns(uint32_t vocab, const std::vector<uint32_t> &tokens) {
  std::set<uint32_t> columns;
  for (const uint32_t token : tokens)
    if (token < vocab)
      columns.insert(token);
  const uint64_t key = randomKey(kSeed, 1), runs = std::min(kColumns, vocab);
  for (uint64_t i = 0; i < runs; ++i) {
    const uint64_t begin = i * vocab / runs, end = (i + 1) * vocab / runs;
    columns.insert(static_cast<uint32_t>(begin + randomBits(key, i) % (end - begin)));
  }
  return {columns.begin(), columns.end()};
}

/// Elements of the parameters that an evaluation reads whole.
uint64_t elementsOf(func::FuncOp entry, const VocabularyParams &vocabulary) {
  uint64_t elements = 0;
  entry.walk([&](ParamOp param) {
    if (!vocabulary.has(param.getName().str()))
      elements += static_cast<uint64_t>(cast<RankedTensorType>(param.getType()).getNumElements());
  });
  return elements;
}

/// Answers for entries of one program.
class Answerer {
public:
  Answerer(const KnownAnswerJob &job, const artifact::Manifest &manifest)
      : modules_(job.variants), manifest_(manifest),
        weights_(job.weights, manifest.params, job.threads) {
    modules_.insert(modules_.begin(), job.reference);
  }

  Result<KnownAnswer> answer(func::FuncOp entry) {
    const VocabularyParams vocabulary = vocabularyOf(entry);
    const uint32_t columns = manifest_.plan.vocab;
    KnownAnswer answer;
    answer.tokenIds =
        drawTokens(vocabulary.tables.empty()
                       ? columns
                       : std::min<uint32_t>(columns, static_cast<uint32_t>(vocabulary.tableRows)),
                   manifest_.memory.maxContext);
    answer.indices = drawColumns(columns, answer.tokenIds);
    INGOT_ASSIGN(const reference::Rows logits,
                 evaluate(modules_[0], entry, vocabulary, answer, matrix::kHopper));
    const bool few = logits.columns == static_cast<int64_t>(answer.indices.size());
    for (size_t i = 0; i < answer.indices.size(); ++i)
      answer.logits.push_back(logits.row(0)[few ? i : answer.indices[i]]);
    // The kernels of the CPU compute the same bits as the reference, at every level. GPUs follow
    // one of two matrix units and, in profile fast, the order of one of the buckets; some multiple
    // of what lies between those is no mistake.
    answer.tolerance = 0;
    for (ModuleOp module : modules_) {
      if (targetOf(module) != CodeTarget::Cuda)
        continue;
      INGOT_ASSIGN(const reference::Rows other,
                   evaluate(module, entry, vocabulary, answer, matrix::kAmpere));
      for (size_t i = 0; i < logits.floats.size(); ++i)
        answer.tolerance =
            std::max(answer.tolerance, 4 * std::fabs(logits.floats[i] - other.floats[i]));
    }
    for (const float value : answer.logits)
      if (!std::isfinite(value))
        return Status(ErrorClass::Data, "known-answer-not-finite", "a logit is not finite");
    return answer;
  }

private:
  Result<reference::Rows> evaluate(ModuleOp module, func::FuncOp entry,
                                   const VocabularyParams &vocabulary, const KnownAnswer &answer,
                                   const matrix::MatrixUnit &unit) {
    weights_.keepAllRows();
    std::vector<uint32_t> ids = answer.tokenIds;
    if (vocabulary.sliced)
      for (const std::string &table : vocabulary.tables)
        weights_.keepRows(table, answer.indices);
    if (!vocabulary.head.empty())
      weights_.keepRows(vocabulary.head, answer.indices);
    if (vocabulary.sliced) // ids are then places among the kept rows
      for (uint32_t &id : ids)
        id = static_cast<uint32_t>(
            std::lower_bound(answer.indices.begin(), answer.indices.end(), id) -
            answer.indices.begin());
    reference::Batch batch;
    batch.append(0, 0, ids, /*returnAll=*/false);
    reference::KvState state;
    Evaluator evaluator(module, weights_);
    evaluator.setMatrixUnit(unit,
                            matrix::fp8UnitOf(unit.products == matrix::kAmpere.products ? 89 : 90));
    INGOT_ASSIGN(std::vector<reference::Rows> results,
                 evaluator.run(entry.getName().str(), batch, state));
    if (results.size() != 1 || results[0].rows != 1 || results[0].floats.empty())
      return Status(ErrorClass::Data, "known-answer-shape", "the entry returns no row of logits");
    return std::move(results[0]);
  }

  std::vector<ModuleOp> modules_; ///< the reference, then the variants
  const artifact::Manifest &manifest_;
  ReferenceWeights weights_;
};

/// The probe of the unfused program; fails with a reason unless it computes what the plan's do.
Result<func::FuncOp> probeOf(func::FuncOp entry, const KnownAnswerJob &job) {
  const std::vector<artifact::Schedule> &planned = job.probes;
  std::string reason;
  FailureOr<func::FuncOp> probe = deriveProbe(entry, reason);
  const auto fail = [](const std::string &why) {
    return Status(ErrorClass::Config, "known-answer-probe", why);
  };
  if (failed(probe))
    return fail("no first layer can be cut out: " + reason);
  if (planned.empty())
    return fail("no first layer can be cut out of the fused program");
  std::set<std::string> signatures = {(*probe)->getAttrOfType<StringAttr>(kSignatureAttr).str()};
  for (ModuleOp variant : job.variants) {
    FailureOr<func::FuncOp> other = deriveProbe(entriesOf(variant).front(), reason);
    if (failed(other))
      return fail("no first layer can be cut out in another order: " + reason);
    signatures.insert((*other)->getAttrOfType<StringAttr>(kSignatureAttr).str());
  }
  for (const artifact::Schedule &schedule : planned)
    if (!signatures.count(format("0x%016llx", static_cast<unsigned long long>(schedule.signature))))
      return fail("the fused program is cut at another place than the unfused one");
  return *probe;
}

/// Logits first: greedy schedules are compared with what those leave.
std::vector<artifact::Schedule> logitsFirst(std::vector<artifact::Schedule> schedules) {
  std::stable_sort(schedules.begin(), schedules.end(),
                   [](const auto &a, const auto &b) { return a.output < b.output; });
  return schedules;
}

} // namespace

std::vector<std::string> addKnownAnswers(KnownAnswerJob job, artifact::Manifest &manifest) {
  std::vector<std::string> reasons;
  const auto leaveOut = [&](const char *what, const Status &why) {
    reasons.push_back(std::string("no known answer of ") + what + ": " + why.toString());
  };
  const SmallVector<func::FuncOp> entries = entriesOf(job.reference);
  if (entries.empty())
    return {"no known answers: the program has no entry"};
  func::FuncOp entry = entries.front();
  Answerer answerer(job, manifest);
  if (elementsOf(entry, vocabularyOf(entry)) <= kWholeModelElements) {
    Result<KnownAnswer> answer = answerer.answer(entry);
    if (answer)
      manifest.knownAnswers.push_back(*std::move(answer));
    else
      leaveOut("the whole model", answer.status());
  }
  const Result<func::FuncOp> probe = probeOf(entry, job);
  Result<KnownAnswer> answer = probe ? answerer.answer(*probe) : probe.status();
  if (answer)
    manifest.probes.push_back({logitsFirst(std::move(job.probes)), *std::move(answer)});
  else
    leaveOut("the first layer", answer.status());
  return reasons;
}

} // namespace ingot
