#include "runtime/text/jinja/Runtime.h"

#include "runtime/base/Format.h"
#include "runtime/text/jinja/Strings.h"

#include <algorithm>
#include <cmath>

namespace ingot::jinja {

// ---- members -----------------------------------------------------------------------------------

namespace {

Value missing(const Value &object, const std::string &member) {
  const std::string owner =
      object.isNone() ? "None" : std::string("'") + object.typeName() + " object'";
  return Undefined{
      std::make_shared<const std::string>(owner + " has no attribute '" + member + "'")};
}

Value method(const Value &object, std::string_view name) {
  return std::make_shared<const MethodData>(MethodData{object, std::string(name)});
}

Value loopMember(const Value &object, std::string_view name) {
  const LoopState &loop = object.asLoop();
  const int64_t index = static_cast<int64_t>(loop.index);
  const int64_t length = static_cast<int64_t>(loop.items.size());
  const auto item = [&](int64_t at, const char *what) -> Value {
    if (at >= 0 && at < length)
      return loop.items[static_cast<size_t>(at)];
    return Undefined{
        std::make_shared<const std::string>(std::string("there is no ") + what + " item")};
  };
  if (name == "index")
    return index + 1;
  if (name == "index0")
    return index;
  if (name == "revindex")
    return length - index;
  if (name == "revindex0")
    return length - index - 1;
  if (name == "first")
    return index == 0;
  if (name == "last")
    return index + 1 == length;
  if (name == "length")
    return length;
  if (name == "previtem")
    return item(index - 1, "previous");
  if (name == "nextitem")
    return item(index + 1, "next");
  if (name == "depth" || name == "depth0") // counts recursive loops only
    return name == "depth" ? 1 : 0;
  if (name == "cycle" || name == "changed")
    return method(object, name);
  return missing(object, std::string(name));
}

/// Methods and members that every expression may name, apart from the entries of dicts.
Value attributeOfType(const Value &object, std::string_view name) {
  if (hasMethod(object, name))
    return method(object, name);
  if (isForbiddenMethod(object, name))
    return Undefined{std::make_shared<const std::string>("access to attribute '" +
                                                         std::string(name) + "' of '" +
                                                         object.typeName() + "' object is unsafe")};
  return missing(object, std::string(name));
}

/// The index of `key` in a sequence of `size`, or nothing when it lies outside.
std::optional<size_t> indexOf(int64_t key, size_t size) {
  const int64_t count = static_cast<int64_t>(size);
  const int64_t index = key < 0 ? key + count : key;
  return index < 0 || index >= count ? std::nullopt : std::optional(static_cast<size_t>(index));
}

} // namespace

Value getAttribute(Context &context, const Value &object, std::string_view name) {
  if (object.isUndefined())
    return context.undefinedError(object);
  if (object.is(Value::Kind::Loop))
    return loopMember(object, name);
  if (object.is(Value::Kind::Namespace)) {
    const Value *value = object.asNamespace().find(name);
    return value ? *value : missing(object, std::string(name));
  }
  Value found = attributeOfType(object, name);
  if (object.isDict() && found.isUndefined())
    if (const Value *value = object.asDict().find(name))
      return *value;
  return found;
}

Value getItem(Context &context, const Value &object, const Value &key) {
  if (object.isUndefined())
    return context.undefinedError(object);
  if (object.isDict())
    if (const Value *value = object.asDict().find(key))
      return *value;
  if (key.isIntegral() && object.isList() && object.asList().kind != ListKind::Iterator)
    if (const auto index = indexOf(key.asInt(), object.items().size()))
      return object.items()[*index];
  if (key.isIntegral() && object.isString()) {
    if (!context.charge(object.asString().size()))
      return Value();
    const auto all = characters(object.asString());
    if (const auto index = indexOf(key.asInt(), all.size()))
      return Value(all[*index]);
  }
  if (key.isString())
    return object.isDict() ? attributeOfType(object, key.asString())
                           : getAttribute(context, object, key.asString());
  return missing(object, toText(context, key));
}

Value getSlice(Context &context, const Value &object, const Value (&parts)[3]) {
  const bool isText = object.isString();
  if (object.isUndefined())
    return context.undefinedError(object);
  if (!isText && (!object.isList() || object.asList().kind == ListKind::Iterator))
    return context.typeError(std::string("a value of type ") + object.typeName() +
                             " has no slices");
  for (const Value &part : parts)
    if (!part.isNone() && !part.isIntegral())
      return context.typeError("the parts of a slice are integers or none");
  const auto all = isText ? characters(object.asString()) : std::vector<std::string_view>();
  const int64_t count = static_cast<int64_t>(isText ? all.size() : object.items().size());
  const int64_t step = parts[2].isNone() ? 1 : parts[2].asInt();
  if (step == 0)
    return context.typeError("the step of a slice is zero");
  const auto bound = [&](const Value &part, int64_t standard) {
    if (part.isNone())
      return standard;
    const int64_t low = step > 0 ? 0 : -1;
    const int64_t high = step > 0 ? count : count - 1;
    const int64_t at = part.asInt() < 0 ? std::max(part.asInt(), -count - 1) + count : part.asInt();
    return std::clamp(at, low, std::max(low, high));
  };
  const int64_t begin = bound(parts[0], step > 0 ? 0 : count - 1);
  const int64_t end = bound(parts[1], step > 0 ? count : -1);
  std::string text;
  std::vector<Value> items;
  // Steps beyond the ends need no exact count; clamping keeps the sum from overflowing.
  const int64_t stride = std::clamp<int64_t>(step, -count - 1, count + 1);
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += stride)
    if (isText)
      text += all[static_cast<size_t>(i)];
    else
      items.push_back(object.items()[static_cast<size_t>(i)]);
  return context.checked(isText ? Value(std::move(text))
                                : Value::list(std::move(items), object.asList().kind));
}

// ---- arithmetic --------------------------------------------------------------------------------

namespace {

Value badOperands(Context &context, const std::string &op, const Value &a, const Value &b) {
  for (const Value *value : {&a, &b})
    if (value->isUndefined())
      return context.undefinedError(*value);
  if (op == "+" && a.isString())
    return context.typeError(std::string("can only concatenate str (not \"") + b.typeName() +
                             "\") to str");
  return context.typeError("unsupported operand types for " + op + ": '" + a.typeName() +
                           "' and '" + b.typeName() + "'");
}

Value repeat(Context &context, const Value &value, int64_t count) {
  const uint64_t times = static_cast<uint64_t>(std::max<int64_t>(count, 0));
  const uint64_t size = value.isString() ? value.asString().size() : value.items().size() * 16;
  if (size != 0 && (times > context.limits().work || !context.charge(size * times)))
    return context.fail("template-limit", "a repetition makes a value that is too large");
  std::string text;
  std::vector<Value> items;
  for (uint64_t i = 0; size != 0 && i < times; ++i)
    if (value.isString())
      text += value.asString();
    else
      items.insert(items.end(), value.items().begin(), value.items().end());
  return value.isString() ? Value(std::move(text))
                          : Value::list(std::move(items), value.asList().kind);
}

Value integerPower(Context &context, int64_t base, int64_t exponent) {
  if (exponent < 0)
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  int64_t result = 1;
  for (int64_t i = 0; i < exponent && base != 1 && base != 0; ++i) {
    if (base == -1)
      return exponent % 2 ? int64_t{-1} : int64_t{1};
    if (__builtin_mul_overflow(result, base, &result))
      return context.typeError("the integer power is too large");
  }
  return exponent > 0 && base == 0 ? int64_t{0} : result;
}

Value integerOperation(Context &context, const std::string &op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (op == "-")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (op == "*")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (op == "**")
    return integerPower(context, a, b);
  else if (b == 0)
    return context.typeError("division by zero");
  else if (op == "/")
    return static_cast<double>(a) / static_cast<double>(b);
  else if (b == -1) // INT64_MIN / -1 has no result
    overflow = op == "//" && __builtin_sub_overflow(int64_t{0}, a, &result);
  else // floor division, the remainder has the sign of the divisor
    result = op == "//" ? a / b - ((a % b != 0) && ((a < 0) != (b < 0)))
                        : a % b + ((a % b != 0) && ((a < 0) != (b < 0)) ? b : 0);
  if (overflow)
    return context.typeError("the integer result of " + op + " is too large");
  return result;
}

Value floatOperation(Context &context, const std::string &op, double a, double b) {
  if (op == "+")
    return a + b;
  if (op == "-")
    return a - b;
  if (op == "*")
    return a * b;
  if (op == "**")
    return std::pow(a, b);
  if (b == 0)
    return context.typeError("division by zero");
  if (op == "/")
    return a / b;
  if (op == "//")
    return std::floor(a / b);
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

} // namespace

Value binary(Context &context, const std::string &op, const Value &a, const Value &b) {
  if (a.isIntegral() && b.isIntegral())
    return integerOperation(context, op, a.asInt(), b.asInt());
  if (a.isNumber() && b.isNumber())
    return floatOperation(context, op, a.asFloat(), b.asFloat());
  if (op == "+" && a.isString() && b.isString()) {
    if (a.isMarkup() || b.isMarkup())
      return context.checked(Value::markup(toMarkup(context, a) + toMarkup(context, b)));
    return context.checked(a.asString() + b.asString());
  }
  if (op == "+" && a.isList() && b.isList() && a.asList().kind == b.asList().kind &&
      a.asList().kind != ListKind::Iterator) {
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return context.checked(Value::list(std::move(items), a.asList().kind));
  }
  const auto isSequence = [](const Value &v) {
    return v.isString() || (v.isList() && v.asList().kind != ListKind::Iterator);
  };
  if (op == "*" && isSequence(a) && b.isIntegral())
    return repeat(context, a, b.asInt());
  if (op == "*" && a.isIntegral() && isSequence(b))
    return repeat(context, b, a.asInt());
  if (op == "%" && a.isString()) {
    const bool several = b.isList() && b.asList().kind == ListKind::Tuple;
    return formatText(context, a.asString(), several ? b.items() : std::vector<Value>{b});
  }
  return badOperands(context, op, a, b);
}

Value negate(Context &context, const Value &value) {
  if (value.isIntegral())
    return integerOperation(context, "-", 0, value.asInt());
  if (value.isNumber())
    return -value.asFloat();
  return badOperands(context, "-", value, value);
}

// ---- comparison --------------------------------------------------------------------------------

bool lessThan(Context &context, const Value &a, const Value &b) {
  if (a.isNumber() && b.isNumber())
    return a.isIntegral() && b.isIntegral() ? a.asInt() < b.asInt() : a.asFloat() < b.asFloat();
  if (a.isString() && b.isString())
    return a.asString() < b.asString(); // UTF-8 sorts as code points do
  if (a.isList() && b.isList() && a.asList().kind == b.asList().kind) {
    const auto &x = a.items();
    const auto &y = b.items();
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!equals(x[i], y[i]))
        return lessThan(context, x[i], y[i]);
    return x.size() < y.size();
  }
  badOperands(context, "<", a, b);
  return false;
}

namespace {

bool contains(Context &context, const Value &container, const Value &item) {
  if (container.isString()) {
    if (!item.isString()) {
      context.typeError(std::string("'in <string>' requires string as left operand, not ") +
                        item.typeName());
      return false;
    }
    return container.asString().find(item.asString()) != std::string::npos;
  }
  if (container.isDict())
    return container.asDict().find(item) != nullptr;
  const std::vector<Value> items = iterate(context, container);
  return std::any_of(items.begin(), items.end(), [&](const Value &v) { return equals(v, item); });
}

} // namespace

bool compare(Context &context, const std::string &op, const Value &a, const Value &b) {
  if (!context.charge(op.ends_with("in") ? b.weight() : std::min(a.weight(), b.weight())))
    return false;
  if (op == "==")
    return equals(a, b);
  if (op == "!=")
    return !equals(a, b);
  if (op == "in")
    return contains(context, b, a);
  if (op == "not in")
    return !contains(context, b, a);
  if (op == "<")
    return lessThan(context, a, b);
  if (op == ">")
    return lessThan(context, b, a);
  if (op == "<=")
    return lessThan(context, a, b) || equals(a, b);
  return lessThan(context, b, a) || equals(a, b);
}

// ---- sequences ---------------------------------------------------------------------------------

std::vector<Value> iterate(Context &context, const Value &value) {
  std::vector<Value> items;
  if (value.isList()) {
    items = value.items();
  } else if (value.isDict()) {
    for (const auto &entry : value.asDict().entries)
      items.push_back(entry.first);
  } else if (value.isString()) {
    if (context.charge(value.asString().size() * 32))
      for (const std::string_view c : characters(value.asString()))
        items.emplace_back(c);
  } else if (!value.isUndefined()) {
    context.typeError(std::string("'") + value.typeName() + "' object is not iterable");
  }
  context.charge(items.size());
  return items;
}

Value lengthOf(Context &context, const Value &value) {
  if (value.isString())
    return static_cast<int64_t>(countCharacters(value.asString()));
  if (value.isList() && value.asList().kind != ListKind::Iterator)
    return static_cast<int64_t>(value.items().size());
  if (value.isDict())
    return static_cast<int64_t>(value.asDict().entries.size());
  if (value.isUndefined())
    return 0;
  return context.typeError(std::string("object of type '") + value.typeName() + "' has no len()");
}

} // namespace ingot::jinja
