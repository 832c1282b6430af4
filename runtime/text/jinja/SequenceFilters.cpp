// Filters over lists, dicts and texts taken character by character.
#include "runtime/text/jinja/Runtime.h"

#include "runtime/text/jinja/Strings.h"

#include <algorithm>

namespace ingot::jinja {

namespace {

/// item.a.b for the attribute "a.b"; parts that are numbers are indices.
Value attributePath(Context &context, Value item, const Value &path) {
  if (path.isIntegral())
    return getItem(context, item, path);
  for (const std::string &part : split(toText(context, path), ".", -1, false)) {
    const bool isIndex =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
    item = getItem(context, item, isIndex ? Value(int64_t{std::stol(part)}) : Value(part));
  }
  return item;
}

/// What sorting and comparing filters look at: the attribute if one is given, without case unless
/// asked.
Value keyOf(Context &context, const Value &item, const Value *attribute, bool caseSensitive) {
  Value key = attribute && !attribute->isNone() ? attributePath(context, item, *attribute) : item;
  return key.isString() && !caseSensitive ? Value(lower(key.asString())) : key;
}

Value iterator(Context &context, std::vector<Value> items) {
  return context.checked(Value::list(std::move(items), ListKind::Iterator));
}

Value filterJoin(Context &context, const Value &input, const Arguments &arguments) {
  const Value *separator = arguments.find(0, "d");
  const Value *attribute = arguments.find(1, "attribute");
  const std::string between = separator ? toText(context, *separator) : "";
  std::string out;
  bool first = true;
  for (const Value &item : iterate(context, input)) {
    const std::string text =
        toText(context, attribute ? attributePath(context, item, *attribute) : item);
    if (!context.charge(text.size() + between.size() + 1))
      return Value();
    out += (first ? "" : between) + text;
    first = false;
  }
  return out;
}

Value filterFirst(Context &context, const Value &input, const Arguments &) {
  const std::vector<Value> items = iterate(context, input);
  if (!items.empty())
    return items.front();
  return Undefined{std::make_shared<const std::string>("No first item, sequence was empty.")};
}

Value filterLast(Context &context, const Value &input, const Arguments &) {
  const std::vector<Value> items = iterate(context, input);
  if (!items.empty())
    return items.back();
  return Undefined{std::make_shared<const std::string>("No last item, sequence was empty.")};
}

Value filterList(Context &context, const Value &input, const Arguments &) {
  return context.checked(Value::list(iterate(context, input)));
}

Value filterItems(Context &context, const Value &input, const Arguments &) {
  if (input.isUndefined())
    return iterator(context, {});
  if (!input.isDict())
    return context.typeError(std::string("Can only get item pairs from a mapping, not ") +
                             input.typeName());
  std::vector<Value> pairs;
  for (const auto &entry : input.asDict().entries)
    pairs.push_back(Value::tuple({entry.first, entry.second}));
  return iterator(context, std::move(pairs));
}

Value filterReverse(Context &context, const Value &input, const Arguments &) {
  std::vector<Value> items = iterate(context, input);
  std::reverse(items.begin(), items.end());
  if (!input.isString())
    return iterator(context, std::move(items));
  std::string out;
  for (const Value &item : items)
    out += item.asString();
  return out;
}

/// Sorts by keys, stably; the comparison fails the rendering on values without order.
std::vector<Value> sortedBy(Context &context, std::vector<std::pair<Value, Value>> keyed,
                            bool reverse) {
  // n log n comparisons are paid for in advance; a failed one must not break the order of the
  // others.
  context.charge(keyed.size() * 64);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto &a, const auto &b) {
    if (context.failed())
      return false;
    return reverse ? lessThan(context, b.first, a.first) : lessThan(context, a.first, b.first);
  });
  std::vector<Value> out;
  out.reserve(keyed.size());
  for (auto &entry : keyed)
    out.push_back(std::move(entry.second));
  return out;
}

Value filterSort(Context &context, const Value &input, const Arguments &arguments) {
  const bool caseSensitive = arguments.flag(1, "case_sensitive", false);
  const Value *attribute = arguments.find(2, "attribute");
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value &item : iterate(context, input))
    keyed.emplace_back(keyOf(context, item, attribute, caseSensitive), item);
  return context.checked(
      Value::list(sortedBy(context, std::move(keyed), arguments.flag(0, "reverse", false))));
}

Value filterDictSort(Context &context, const Value &input, const Arguments &arguments) {
  if (!input.isDict())
    return context.typeError(std::string("dictsort needs a dict, not ") + input.typeName());
  const bool caseSensitive = arguments.flag(0, "case_sensitive", false);
  const Value *by = arguments.find(1, "by");
  const bool byValue = by && toText(context, *by) == "value";
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto &entry : input.asDict().entries)
    keyed.emplace_back(keyOf(context, byValue ? entry.second : entry.first, nullptr, caseSensitive),
                       Value::tuple({entry.first, entry.second}));
  return context.checked(
      Value::list(sortedBy(context, std::move(keyed), arguments.flag(2, "reverse", false))));
}

Value filterUnique(Context &context, const Value &input, const Arguments &arguments) {
  const bool caseSensitive = arguments.flag(0, "case_sensitive", false);
  std::vector<Value> seen;
  std::vector<Value> out;
  for (const Value &item : iterate(context, input)) {
    const Value key = keyOf(context, item, arguments.find(1, "attribute"), caseSensitive);
    if (!context.charge((seen.size() + 1) * key.weight()))
      break;
    if (std::any_of(seen.begin(), seen.end(), [&](const Value &v) { return equals(v, key); }))
      continue;
    seen.push_back(key);
    out.push_back(item);
  }
  return iterator(context, std::move(out));
}

Value extreme(Context &context, const Value &input, const Arguments &arguments, bool largest) {
  const bool caseSensitive = arguments.flag(0, "case_sensitive", false);
  const Value *attribute = arguments.find(1, "attribute");
  std::optional<std::pair<Value, Value>> best;
  for (const Value &item : iterate(context, input)) {
    Value key = keyOf(context, item, attribute, caseSensitive);
    if (!best ||
        (largest ? lessThan(context, best->first, key) : lessThan(context, key, best->first)))
      best = std::pair(std::move(key), item);
  }
  if (best)
    return best->second;
  return Undefined{std::make_shared<const std::string>("No aggregated item, sequence was empty.")};
}
Value filterMin(Context &context, const Value &input, const Arguments &arguments) {
  return extreme(context, input, arguments, false);
}
Value filterMax(Context &context, const Value &input, const Arguments &arguments) {
  return extreme(context, input, arguments, true);
}

Value filterSum(Context &context, const Value &input, const Arguments &arguments) {
  const Value *attribute = arguments.find(0, "attribute");
  const Value *start = arguments.find(1, "start");
  Value total = start ? *start : Value(0);
  for (const Value &item : iterate(context, input))
    total =
        binary(context, "+", total,
               attribute && !attribute->isNone() ? attributePath(context, item, *attribute) : item);
  return total;
}

/// map('filter', arguments...) or map(attribute='name', default=value).
Value filterMap(Context &context, const Value &input, const Arguments &arguments) {
  std::vector<Value> out;
  const Value *attribute = arguments.find(~size_t{0}, "attribute");
  const Value *standard = arguments.find(~size_t{0}, "default");
  if (!attribute && (arguments.positional.empty() || !arguments.positional[0].isString()))
    return context.typeError("the filter map needs the name of a filter or attribute=");
  Arguments rest{arguments.positional, arguments.named};
  if (!attribute)
    rest.positional.erase(rest.positional.begin());
  if (!input.isTruthy()) // none is as good as an empty list here
    return iterator(context, {});
  for (const Value &item : iterate(context, input)) {
    if (!context.charge(16))
      break;
    Value mapped = attribute ? attributePath(context, item, *attribute)
                             : applyFilter(context, arguments.positional[0].asString(), item, rest);
    if (attribute && standard && mapped.isUndefined())
      mapped = *standard;
    out.push_back(std::move(mapped));
  }
  return iterator(context, std::move(out));
}

/// select, reject, selectattr and rejectattr: [attribute,] [test, arguments...].
Value choose(Context &context, const Value &input, const Arguments &arguments, bool keep,
             bool byAttribute) {
  const size_t testAt = byAttribute ? 1 : 0;
  if (byAttribute && arguments.positional.empty())
    return context.typeError("the filter needs the name of an attribute");
  Arguments rest;
  if (arguments.positional.size() > testAt)
    rest.positional.assign(arguments.positional.begin() + static_cast<ptrdiff_t>(testAt) + 1,
                           arguments.positional.end());
  std::vector<Value> out;
  if (!input.isTruthy()) // none is as good as an empty list here
    return iterator(context, {});
  for (const Value &item : iterate(context, input)) {
    if (!context.charge(16))
      break;
    const Value looked = byAttribute ? attributePath(context, item, arguments.positional[0]) : item;
    const bool holds =
        arguments.positional.size() > testAt
            ? applyTest(context, toText(context, arguments.positional[testAt]), looked, rest)
            : looked.isTruthy();
    if (holds == keep)
      out.push_back(item);
  }
  return iterator(context, std::move(out));
}

} // namespace

std::optional<Value> applySequenceFilter(Context &context, const std::string &name,
                                         const Value &input, const Arguments &arguments) {
  using Filter = Value (*)(Context &, const Value &, const Arguments &);
  constexpr std::pair<std::string_view, Filter> kFilters[] = {
      {"dictsort", filterDictSort}, {"first", filterFirst}, {"items", filterItems},
      {"join", filterJoin},         {"last", filterLast},   {"list", filterList},
      {"map", filterMap},           {"max", filterMax},     {"min", filterMin},
      {"reverse", filterReverse},   {"sort", filterSort},   {"sum", filterSum},
      {"unique", filterUnique},
  };
  for (const auto &[known, filter] : kFilters)
    if (name == known)
      return filter(context, input, arguments);
  for (const bool keep : {true, false})
    for (const bool byAttribute : {false, true})
      if (name == std::string(keep ? "select" : "reject") + (byAttribute ? "attr" : ""))
        return choose(context, input, arguments, keep, byAttribute);
  return std::nullopt;
}

} // namespace ingot::jinja
