// The functions that every chat template sees.
#include "runtime/text/jinja/Runtime.h"

#include "runtime/text/Utf8.h"

#include <algorithm>

namespace ingot::jinja {

namespace {

constexpr std::pair<std::string_view, Function> kFunctions[] = {
    {"range", Function::Range},
    {"namespace", Function::Namespace},
    {"dict", Function::Dict},
    {"raise_exception", Function::RaiseException},
    {"strftime_now", Function::StrftimeNow},
};

Value callRange(Context &context, const Arguments &arguments) {
  const std::vector<Value> &given = arguments.positional;
  if (given.empty() || given.size() > 3 ||
      !std::all_of(given.begin(), given.end(), [](const Value &v) { return v.isIntegral(); }))
    return context.typeError("range() takes one to three integers");
  const int64_t begin = given.size() > 1 ? given[0].asInt() : 0;
  const int64_t end = given.size() > 1 ? given[1].asInt() : given[0].asInt();
  const int64_t step = given.size() > 2 ? given[2].asInt() : 1;
  if (step == 0)
    return context.typeError("the step of range() is zero");
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (items.size() >= 100000) // the limit of Jinja's sandbox
      return context.fail("template-limit", "range() gives more than 100000 numbers");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i))
      break;
  }
  return context.checked(Value::list(std::move(items)));
}

/// The entries that dict() and namespace() are called with.
std::vector<std::pair<Value, Value>> entriesOf(Context &context, const Arguments &arguments) {
  std::vector<std::pair<Value, Value>> entries;
  if (!arguments.positional.empty()) {
    if (arguments.positional.size() > 1 || !arguments.positional[0].isDict())
      context.typeError("dict() and namespace() take one dict and named values");
    else
      entries = arguments.positional[0].asDict().entries;
  }
  for (const auto &[name, value] : arguments.named)
    entries.emplace_back(Value(name), value);
  return entries;
}

Value callNamespace(Context &context, const Arguments &arguments) {
  auto space = std::make_shared<NamespaceData>();
  for (const auto &[name, value] : entriesOf(context, arguments))
    if (context.charge(32))
      space->set(toText(context, name), value);
  return space;
}

Value callStrftime(Context &context, const Arguments &arguments) {
  if (arguments.positional.size() != 1 || !arguments.positional[0].isString())
    return context.typeError("strftime_now() takes a format");
  const std::string &pattern = arguments.positional[0].asString();
  if (pattern.empty())
    return "";
  char buffer[512];
  const size_t size = pattern.size() > 128
                          ? 0
                          : std::strftime(buffer, sizeof buffer, pattern.c_str(), &*context.now());
  if (size == 0)
    return context.typeError("the format of strftime_now() is too long");
  const std::string_view text(buffer, size);
  return findInvalidUtf8(text) == text.npos ? Value(text)
                                            : context.typeError("the date is not UTF-8");
}

} // namespace

Value findFunction(const Context &context, std::string_view name) {
  for (const auto &[known, function] : kFunctions)
    if (name == known && (function != Function::StrftimeNow || context.now()))
      return function;
  return Value();
}

Value callFunction(Context &context, Function function, const Arguments &arguments) {
  switch (function) {
  case Function::Range:
    return callRange(context, arguments);
  case Function::Namespace:
    return callNamespace(context, arguments);
  case Function::Dict:
    return context.checked(Value::dict(entriesOf(context, arguments)));
  case Function::RaiseException:
    return context.fail("template-raised", arguments.positional.empty()
                                               ? "the template raised an exception"
                                               : toText(context, arguments.positional[0]));
  case Function::StrftimeNow:
    return callStrftime(context, arguments);
  }
  return Value();
}

} // namespace ingot::jinja
