// What "x is NAME" asks.
#include "runtime/text/jinja/Runtime.h"

#include "runtime/text/jinja/Strings.h"

#include <algorithm>

namespace ingot::jinja {

namespace {

using Kind = Value::Kind;

bool isIterable(const Value &v) {
  return v.isString() || v.isList() || v.isDict() || v.isUndefined();
}
bool isSequence(const Value &v) {
  return isIterable(v) && !(v.isList() && v.asList().kind == ListKind::Iterator);
}
bool isCallable(const Value &v) {
  return v.is(Kind::Macro) || v.is(Kind::Function) || v.is(Kind::Method);
}

struct PlainTest {
  std::string_view name;
  bool (*holds)(const Value &);
};

constexpr PlainTest kPlainTests[] = {
    {"defined", [](const Value &v) { return !v.isUndefined(); }},
    {"undefined", [](const Value &v) { return v.isUndefined(); }},
    {"none", [](const Value &v) { return v.isNone(); }},
    {"boolean", [](const Value &v) { return v.isBool(); }},
    {"true", [](const Value &v) { return v.isBool() && v.asBool(); }},
    {"false", [](const Value &v) { return v.isBool() && !v.asBool(); }},
    {"integer", [](const Value &v) { return v.is(Kind::Int); }},
    {"float", [](const Value &v) { return v.is(Kind::Float); }},
    {"number", [](const Value &v) { return v.isNumber(); }},
    {"string", [](const Value &v) { return v.isString(); }},
    {"mapping", [](const Value &v) { return v.isDict(); }},
    {"iterable", isIterable},
    {"sequence", isSequence},
    {"callable", isCallable},
    {"escaped", [](const Value &v) { return v.isMarkup(); }},
    {"lower", [](const Value &v) { return v.isString() && isAll(v.asString(), TextClass::Lower); }},
    {"upper", [](const Value &v) { return v.isString() && isAll(v.asString(), TextClass::Upper); }},
};

/// Tests that compare with their argument, and the operator they stand for.
constexpr std::pair<std::string_view, std::string_view> kComparisons[] = {
    {"eq", "=="}, {"equalto", "=="}, {"==", "=="},         {"sameas", "=="}, {"ne", "!="},
    {"!=", "!="}, {"lt", "<"},       {"lessthan", "<"},    {"<", "<"},       {"le", "<="},
    {"<=", "<="}, {"gt", ">"},       {"greaterthan", ">"}, {">", ">"},       {"ge", ">="},
    {">=", ">="}, {"in", "in"},
};

bool isNumericTest(std::string_view name) {
  return name == "odd" || name == "even" || name == "divisibleby";
}

bool applyNumericTest(Context &context, const std::string &name, const Value &input,
                      const Arguments &arguments) {
  const Value *by = arguments.find(0, "num");
  const Value divisor = name == "divisibleby" ? (by ? *by : Value()) : Value(2);
  const Value rest = binary(context, "%", input, divisor);
  const bool divides = rest.isNumber() && rest.asFloat() == 0;
  return name == "odd" ? !divides : divides;
}

} // namespace

bool isTest(std::string_view name) {
  const auto first = [&](const auto &entry) {
    if constexpr (requires { entry.name; })
      return entry.name == name;
    else
      return entry.first == name;
  };
  return std::any_of(std::begin(kPlainTests), std::end(kPlainTests), first) ||
         std::any_of(std::begin(kComparisons), std::end(kComparisons), first) ||
         isNumericTest(name) || name == "filter" || name == "test";
}

bool applyTest(Context &context, const std::string &name, const Value &input,
               const Arguments &arguments) {
  for (const PlainTest &test : kPlainTests)
    if (test.name == name)
      return test.holds(input);
  for (const auto &[known, op] : kComparisons)
    if (known == name) {
      if (arguments.positional.size() != 1) {
        context.typeError("the test " + name + " needs one argument");
        return false;
      }
      return compare(context, std::string(op), input, arguments.positional[0]);
    }
  if (isNumericTest(name))
    return applyNumericTest(context, name, input, arguments);
  if (name == "filter")
    return input.isString() && isFilter(input.asString());
  if (name == "test")
    return input.isString() && isTest(input.asString());
  context.fail("template-unsupported", "there is no test '" + name + "'");
  return false;
}

} // namespace ingot::jinja
