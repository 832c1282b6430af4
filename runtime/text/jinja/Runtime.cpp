#include "runtime/text/jinja/Runtime.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::jinja {

Value Context::fail(const char *id, const std::string &what) {
  if (!failed())
    error_ = Status(ErrorClass::Data, id, format("chat template, line %u: ", line) + what);
  return Value();
}

Value Context::undefinedError(const Value &undefined) {
  const auto &what = undefined.asUndefined().what;
  return fail("template-undefined", what ? *what : "something is not defined");
}

bool Context::charge(uint64_t units) {
  if (failed())
    return false;
  work_ += std::min(units, limits_.work);
  if (work_ > limits_.work)
    fail("template-limit",
         format("it takes more than the %llu units of work that a chat template gets",
                static_cast<unsigned long long>(limits_.work)));
  return !failed();
}

Value Context::checked(Value value) {
  const uint64_t size = value.isString() ? value.asString().size()
                        : value.isList() ? value.items().size() * 16
                        : value.isDict() ? value.asDict().entries.size() * 32
                                         : 0;
  if (!charge(size))
    return Value();
  if (value.depth() > kMaxValueDepth)
    return fail("template-limit", format("values nest deeper than %u levels", kMaxValueDepth));
  if (value.weight() > kMaxValueWeight)
    return fail("template-limit", format("a value has more than %llu parts",
                                         static_cast<unsigned long long>(kMaxValueWeight)));
  return value;
}

const Value *Arguments::find(size_t index, std::string_view name) const {
  if (index < positional.size())
    return &positional[index];
  for (const auto &entry : named)
    if (entry.first == name)
      return &entry.second;
  return nullptr;
}

bool Arguments::flag(size_t index, std::string_view name, bool standard) const {
  const Value *value = find(index, name);
  return value ? value->isTruthy() : standard;
}

bool Arguments::check(Context &context, std::string_view callee, size_t most,
                      std::initializer_list<std::string_view> names) const {
  if (positional.size() > most)
    context.typeError(format("%.*s takes at most %zu arguments, %zu are given",
                             static_cast<int>(callee.size()), callee.data(), most,
                             positional.size()));
  for (const auto &entry : named)
    if (std::find(names.begin(), names.end(), entry.first) == names.end())
      context.typeError(std::string(callee) + " has no argument \"" + entry.first + "\"");
  return !context.failed();
}

} // namespace ingot::jinja
