// The filters over texts, numbers and any value. Those over sequences: SequenceFilters.cpp.
#include "runtime/text/jinja/Runtime.h"

#include "runtime/base/Format.h"
#include "runtime/text/jinja/Strings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ingot::jinja {

namespace {

using Filter = Value (*)(Context &, const Value &, const Arguments &);

Value undefinedOr(Context &context, const Value &input, const char *filter) {
  if (input.isUndefined())
    return context.undefinedError(input);
  return context.typeError(std::string("the filter ") + filter + " does not work on " +
                           input.typeName());
}

/// Whether names and counts of the arguments are those of the filter.
#define INGOT_FILTER_ARGUMENTS(most, ...)                                                          \
  if (!arguments.check(context, "the filter", most, {__VA_ARGS__}))                                \
  return Value()

Value filterDefault(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(2, "default_value", "boolean");
  const Value *standard = arguments.find(0, "default_value");
  if (input.isUndefined() || (arguments.flag(1, "boolean", false) && !input.isTruthy()))
    return standard ? *standard : Value("");
  return input;
}

Value filterString(Context &context, const Value &input, const Arguments &) {
  if (input.isString())
    return input;
  return context.checked(toText(context, input));
}

Value filterSafe(Context &context, const Value &input, const Arguments &) {
  return context.checked(Value::markup(toText(context, input)));
}

Value filterEscape(Context &context, const Value &input, const Arguments &) {
  return context.checked(Value::markup(toMarkup(context, input)));
}

Value filterUpper(Context &context, const Value &input, const Arguments &) {
  return context.checked(upper(toText(context, input)));
}
Value filterLower(Context &context, const Value &input, const Arguments &) {
  return context.checked(lower(toText(context, input)));
}
Value filterCapitalize(Context &context, const Value &input, const Arguments &) {
  return context.checked(capitalize(toText(context, input)));
}
Value filterTitle(Context &context, const Value &input, const Arguments &) {
  return context.checked(titleFilter(toText(context, input)));
}

Value filterTrim(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(1, "chars");
  const std::string text = toText(context, input);
  const Value *set = arguments.find(0, "chars");
  if (!set || set->isNone())
    return context.checked(Value(strip(text, Ends{})));
  if (!set->isString())
    return undefinedOr(context, *set, "trim");
  return context.charge(text.size() * (set->asString().size() + 1))
             ? context.checked(Value(strip(text, set->asString(), Ends{})))
             : Value();
}

Value filterReplace(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(3, "old", "new", "count");
  const Value *from = arguments.find(0, "old");
  const Value *to = arguments.find(1, "new");
  const Value *count = arguments.find(2, "count");
  if (!from || !to)
    return context.typeError("the filter replace needs an old and a new text");
  Arguments forwarded{{toText(context, *from), toText(context, *to)}, {}};
  if (count && count->isIntegral())
    forwarded.positional.push_back(*count);
  return callMethod(context, MethodData{toText(context, input), "replace"}, forwarded);
}

Value filterIndent(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(3, "width", "first", "blank");
  const Value *width = arguments.find(0, "width");
  if (width && !width->isString() &&
      (!width->isIntegral() || width->asInt() < 0 || width->asInt() > 1000))
    return context.typeError("the width of indent is a text or a number from 0 to 1000");
  const std::string pad = !width ? "    "
                          : width->isString()
                              ? width->asString()
                              : std::string(static_cast<size_t>(width->asInt()), ' ');
  const bool blank = arguments.flag(2, "blank", false);
  std::string out;
  bool firstLine = true;
  for (const std::string &line : split(toText(context, input), "\n", -1, false)) {
    if (!firstLine)
      out += '\n';
    if (firstLine ? arguments.flag(1, "first", false) : (blank || !line.empty()))
      out += pad;
    out += line;
    firstLine = false;
    if (!context.charge(line.size() + pad.size()))
      return Value();
  }
  return out;
}

Value filterFormat(Context &context, const Value &input, const Arguments &arguments) {
  return formatText(context, toText(context, input), arguments.positional);
}

std::optional<double> parseNumber(std::string_view text) {
  text = strip(text, Ends{});
  if (text.starts_with('+'))
    text.remove_prefix(1);
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() ? std::optional(value)
                                                                       : std::nullopt;
}

Value filterInt(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(2, "default", "base");
  const Value *fallback = arguments.find(0, "default");
  const Value *baseValue = arguments.find(1, "base");
  const int base = baseValue && baseValue->isIntegral()
                       ? static_cast<int>(std::clamp<int64_t>(baseValue->asInt(), 2, 36))
                       : 10;
  Value standard = fallback ? *fallback : Value(0);
  if (input.isIntegral())
    return input.asInt();
  double number = 0;
  if (input.isString()) {
    std::string_view text = strip(input.asString(), Ends{});
    if (text.starts_with('+'))
      text.remove_prefix(1);
    int64_t whole = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), whole, base);
    if (!text.empty() && end.ec == std::errc() && end.ptr == text.data() + text.size())
      return whole;
    const auto parsed = parseNumber(text);
    if (!parsed)
      return standard;
    number = *parsed;
  } else if (input.isNumber()) {
    number = input.asFloat();
  } else {
    return standard;
  }
  return std::abs(number) < 9e18 ? Value(static_cast<int64_t>(number)) : standard;
}

Value filterFloat(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(1, "default");
  const Value *standard = arguments.find(0, "default");
  if (input.isNumber())
    return input.asFloat();
  if (input.isString())
    if (const auto parsed = parseNumber(input.asString()))
      return *parsed;
  return standard ? *standard : Value(0.0);
}

Value filterAbs(Context &context, const Value &input, const Arguments &) {
  if (input.isIntegral())
    return input.asInt() < 0 ? negate(context, input) : Value(input.asInt());
  return input.isNumber() ? Value(std::abs(input.asFloat())) : undefinedOr(context, input, "abs");
}

Value filterRound(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(2, "precision", "method");
  const Value *precision = arguments.find(0, "precision");
  const Value *method = arguments.find(1, "method");
  if (!input.isNumber() || (precision && !precision->isIntegral()))
    return undefinedOr(context, input, "round");
  const double scale = std::pow(
      10.0,
      precision ? static_cast<double>(std::clamp<int64_t>(precision->asInt(), -15, 15)) : 0.0);
  const double scaled = input.asFloat() * scale;
  const std::string how = method ? toText(context, *method) : "common";
  const double rounded = how == "ceil"    ? std::ceil(scaled)
                         : how == "floor" ? std::floor(scaled)
                                          : std::nearbyint(scaled);
  return rounded / scale;
}

/// json.dumps with the arguments of the function that Hugging Face puts in the place of Jinja's
/// filter.
Value filterToJson(Context &context, const Value &input, const Arguments &arguments) {
  INGOT_FILTER_ARGUMENTS(4, "ensure_ascii", "indent", "separators", "sort_keys");
  JsonStyle style;
  style.ascii = arguments.flag(0, "ensure_ascii", false);
  style.sortKeys = arguments.flag(3, "sort_keys", false);
  if (const Value *indent = arguments.find(1, "indent"); indent && !indent->isNone()) {
    if (!indent->isString() && (!indent->isIntegral() || indent->asInt() > 64))
      return context.typeError("the indent of tojson is a text or a number up to 64");
    style.indent =
        indent->isString()
            ? indent->asString()
            : std::string(static_cast<size_t>(std::max<int64_t>(indent->asInt(), 0)), ' ');
    style.itemSeparator = ",";
  }
  if (const Value *separators = arguments.find(2, "separators");
      separators && !separators->isNone()) {
    if (!separators->isList() || separators->items().size() != 2)
      return context.typeError("the separators of tojson are two texts");
    style.itemSeparator = toText(context, separators->items()[0]);
    style.keySeparator = toText(context, separators->items()[1]);
  }
  return context.checked(toJson(context, input, style));
}

Value filterLength(Context &context, const Value &input, const Arguments &) {
  return lengthOf(context, input);
}

Value filterAttr(Context &context, const Value &input, const Arguments &arguments) {
  const Value *name = arguments.find(0, "name");
  return name && name->isString() ? getAttribute(context, input, name->asString())
                                  : context.typeError("the filter attr needs a name");
}

Value filterWordCount(Context &context, const Value &input, const Arguments &) {
  return static_cast<int64_t>(splitSpaces(toText(context, input), -1, false).size());
}

#undef INGOT_FILTER_ARGUMENTS

struct NamedFilter {
  std::string_view name;
  Filter filter;
};

constexpr NamedFilter kFilters[] = {
    {"abs", filterAbs},       {"attr", filterAttr},           {"capitalize", filterCapitalize},
    {"count", filterLength},  {"d", filterDefault},           {"default", filterDefault},
    {"e", filterEscape},      {"escape", filterEscape},       {"float", filterFloat},
    {"format", filterFormat}, {"indent", filterIndent},       {"int", filterInt},
    {"length", filterLength}, {"lower", filterLower},         {"replace", filterReplace},
    {"round", filterRound},   {"safe", filterSafe},           {"string", filterString},
    {"title", filterTitle},   {"tojson", filterToJson},       {"trim", filterTrim},
    {"upper", filterUpper},   {"wordcount", filterWordCount},
};

constexpr std::string_view kSequenceFilters[] = {
    "dictsort", "first",      "items",   "join",   "last",       "list", "map", "max",   "min",
    "reject",   "rejectattr", "reverse", "select", "selectattr", "sort", "sum", "unique"};

} // namespace

bool isFilter(std::string_view name) {
  return std::any_of(std::begin(kFilters), std::end(kFilters),
                     [&](const NamedFilter &f) { return f.name == name; }) ||
         std::find(std::begin(kSequenceFilters), std::end(kSequenceFilters), name) !=
             std::end(kSequenceFilters);
}

Value applyFilter(Context &context, const std::string &name, const Value &input,
                  const Arguments &arguments) {
  for (const NamedFilter &entry : kFilters)
    if (entry.name == name)
      return entry.filter(context, input, arguments);
  if (auto result = applySequenceFilter(context, name, input, arguments))
    return *std::move(result);
  return context.fail("template-unsupported", "there is no filter '" + name + "'");
}

} // namespace ingot::jinja
