// What runs while a template renders: the first error, the limits, and the operations on values.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/jinja/Value.h"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::jinja {

/// A hostile template stops at one of these, with "template-limit".
struct Limits {
  uint64_t work = uint64_t{1} << 26; ///< units: a step costs 16, a byte of text made costs 1
  size_t outputBytes = size_t{1} << 24;
  uint32_t depth = 300; ///< nested statements, expressions and macro calls
};

/// State of one rendering. The first failure stays; after it every operation returns quickly and
/// its value is not used.
class Context {
public:
  Context(const Limits &limits, std::optional<std::tm> now) : limits_(limits), now_(now) {}

  bool failed() const { return !error_.isOk(); }
  const Status &error() const { return error_; }
  const Limits &limits() const { return limits_; }
  const std::optional<std::tm> &now() const { return now_; }

  /// Records a failure at the current line and returns an undefined value.
  Value fail(const char *id, const std::string &what);
  /// "template-type": an operation on values it is not made for.
  Value typeError(const std::string &what) { return fail("template-type", what); }
  /// "template-undefined": the use of something that is not there.
  Value undefinedError(const Value &undefined);
  /// Counts work; false when there was too much of it (or an earlier failure).
  bool charge(uint64_t units);
  /// Checks depth and size of a value that was just made.
  Value checked(Value value);

  uint32_t line = 0; ///< of the statement or expression being evaluated

private:
  Limits limits_;
  std::optional<std::tm> now_;
  uint64_t work_ = 0;
  Status error_;
};

/// Arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// The argument at `index` or called `name`, null when it is not given.
  const Value *find(size_t index, std::string_view name) const;
  bool flag(size_t index, std::string_view name, bool standard) const;
  /// Fails when there are more arguments than `most`, or one with a name that is not among `names`.
  bool check(Context &context, std::string_view callee, size_t most,
             std::initializer_list<std::string_view> names = {}) const;
};

// ---- Operators.cpp -----------------------------------------------------------------------------

/// object.name and object[key]; what is not there is undefined, of an undefined object an error.
Value getAttribute(Context &context, const Value &object, std::string_view name);
Value getItem(Context &context, const Value &object, const Value &key);
/// object[start:stop:step]; None where a part is absent.
Value getSlice(Context &context, const Value &object, const Value (&parts)[3]);
Value binary(Context &context, const std::string &op, const Value &a, const Value &b);
Value negate(Context &context, const Value &value);
bool compare(Context &context, const std::string &op, const Value &a, const Value &b);
/// a < b as Python orders; fails for values without order.
bool lessThan(Context &context, const Value &a, const Value &b);
/// What a for loop visits: items, keys, characters.
std::vector<Value> iterate(Context &context, const Value &value);
Value lengthOf(Context &context, const Value &value);

// ---- ValueText.cpp -----------------------------------------------------------------------------

/// str(value), as {{ value }} prints it.
std::string toText(Context &context, const Value &value);
/// repr(value), as containers print their items.
std::string toRepr(Context &context, const Value &value);

/// The text of a value as markup: & < > ' " become entities, markup stays as it is.
std::string toMarkup(Context &context, const Value &value);

struct JsonStyle {
  bool ascii = false;
  bool sortKeys = false;
  std::optional<std::string> indent; ///< of one level; absent = everything on one line
  std::string itemSeparator = ", ";
  std::string keySeparator = ": ";
};
/// json.dumps(value)
std::string toJson(Context &context, const Value &value, const JsonStyle &style);

// ---- TextFormat.cpp ----------------------------------------------------------------------------

/// Python's % on texts: %s %r %d %i %x %X %f %e %g %% with flags, width and precision.
Value formatText(Context &context, const std::string &pattern, const std::vector<Value> &values);

// ---- Filters.cpp, SequenceFilters.cpp, Tests.cpp, Methods.cpp, Functions.cpp
// ---------------------

Value applyFilter(Context &context, const std::string &name, const Value &input,
                  const Arguments &arguments);
/// The filters over sequences; nullopt when `name` is none of them.
std::optional<Value> applySequenceFilter(Context &context, const std::string &name,
                                         const Value &input, const Arguments &arguments);
bool isFilter(std::string_view name);
bool applyTest(Context &context, const std::string &name, const Value &input,
               const Arguments &arguments);
bool isTest(std::string_view name);
/// Whether values of this type have the method.
bool hasMethod(const Value &receiver, std::string_view name);
/// Whether Python has the method but the sandbox forbids it, because it changes the value.
bool isForbiddenMethod(const Value &receiver, std::string_view name);
Value callMethod(Context &context, const MethodData &method, const Arguments &arguments);
/// The functions every template sees; undefined for other names.
Value findFunction(const Context &context, std::string_view name);
Value callFunction(Context &context, Function function, const Arguments &arguments);

} // namespace ingot::jinja
