// Methods of Python's str, dict and list that templates call, and loop.cycle and loop.changed.
#include "runtime/text/jinja/Runtime.h"

#include "runtime/text/jinja/Strings.h"

#include <algorithm>

namespace ingot::jinja {

namespace {

constexpr std::string_view kTextMethods[] = {
    "capitalize",   "count",   "endswith", "find",   "isalnum", "isalpha", "isdigit",
    "islower",      "isspace", "isupper",  "join",   "lower",   "lstrip",  "removeprefix",
    "removesuffix", "replace", "rfind",    "rsplit", "rstrip",  "split",   "splitlines",
    "startswith",   "strip",   "title",    "upper",  "index"};
constexpr std::string_view kDictMethods[] = {"copy", "get", "items", "keys", "values"};
constexpr std::string_view kDictForbidden[] = {"clear",      "pop",    "popitem",
                                               "setdefault", "update", "fromkeys"};
constexpr std::string_view kListMethods[] = {"copy", "count", "index"};
constexpr std::string_view kListForbidden[] = {"append", "clear",  "extend",  "insert",
                                               "pop",    "remove", "reverse", "sort"};

template <typename List>
bool among(const List &names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// The text argument at `index`, or null after failing.
const std::string *textArgument(Context &context, const MethodData &method,
                                const Arguments &arguments, size_t index) {
  if (index < arguments.positional.size() && arguments.positional[index].isString())
    return &arguments.positional[index].asString();
  if (index < arguments.positional.size() && arguments.positional[index].isUndefined())
    context.undefinedError(arguments.positional[index]);
  else
    context.typeError(method.name + "() needs a text as argument " + std::to_string(index + 1));
  return nullptr;
}

Value textList(Context &context, std::vector<std::string> parts) {
  std::vector<Value> items;
  for (std::string &part : parts)
    if (context.charge(part.size() + 48))
      items.emplace_back(std::move(part));
  return context.checked(Value::list(std::move(items)));
}

Value callStrip(Context &context, const MethodData &method, const Arguments &arguments) {
  const std::string &text = method.receiver.asString();
  const Ends ends{.left = method.name != "rstrip", .right = method.name != "lstrip"};
  if (arguments.positional.empty() || arguments.positional[0].isNone())
    return context.checked(Value(strip(text, ends)));
  const std::string *set = textArgument(context, method, arguments, 0);
  if (!set || !context.charge(text.size() * (set->size() + 1)))
    return Value();
  return context.checked(Value(strip(text, *set, ends)));
}

Value callSplit(Context &context, const MethodData &method, const Arguments &arguments) {
  const Value *separator = arguments.find(0, "sep");
  const Value *limit = arguments.find(1, "maxsplit");
  const int64_t most = limit && limit->isIntegral() ? limit->asInt() : -1;
  const bool fromRight = method.name == "rsplit";
  if (!separator || separator->isNone())
    return textList(context, splitSpaces(method.receiver.asString(), most, fromRight));
  if (!separator->isString() || separator->asString().empty())
    return separator->isUndefined()
               ? context.undefinedError(*separator)
               : context.typeError("split() needs a separator that is not empty");
  return textList(context,
                  split(method.receiver.asString(), separator->asString(), most, fromRight));
}

/// startswith and endswith take one text or a tuple of them.
Value callEndsWith(Context &context, const MethodData &method, const Arguments &arguments) {
  const std::string &text = method.receiver.asString();
  const auto fits = [&](const std::string &part) {
    return method.name == "startswith" ? text.starts_with(part) : text.ends_with(part);
  };
  if (!arguments.positional.empty() && arguments.positional[0].isList()) {
    for (const Value &option : arguments.positional[0].items())
      if (option.isString() && fits(option.asString()))
        return true;
    return false;
  }
  const std::string *part = textArgument(context, method, arguments, 0);
  return part ? Value(fits(*part)) : Value();
}

Value callReplace(Context &context, const MethodData &method, const Arguments &arguments) {
  const std::string &text = method.receiver.asString();
  const std::string *from = textArgument(context, method, arguments, 0);
  const std::string *to = from ? textArgument(context, method, arguments, 1) : nullptr;
  if (!to)
    return Value();
  const Value *count = arguments.find(2, "count");
  const uint64_t places = from->empty() ? text.size() + 1 : text.size() / from->size() + 1;
  if (!context.charge(text.size() + places * to->size()))
    return Value();
  return replace(text, *from, *to, count && count->isIntegral() ? count->asInt() : -1);
}

/// find, rfind, index and count. Positions count characters.
Value callSearch(Context &context, const MethodData &method, const Arguments &arguments) {
  const std::string &text = method.receiver.asString();
  const std::string *part = textArgument(context, method, arguments, 0);
  if (!part)
    return Value();
  if (method.name == "count") {
    if (part->empty())
      return static_cast<int64_t>(countCharacters(text)) + 1;
    return static_cast<int64_t>(split(text, *part, -1, false).size()) - 1;
  }
  const size_t at = method.name == "rfind" ? text.rfind(*part) : text.find(*part);
  if (at == text.npos)
    return method.name == "index" ? context.typeError("substring not found") : Value(-1);
  return static_cast<int64_t>(countCharacters(std::string_view(text).substr(0, at)));
}

Value callJoin(Context &context, const MethodData &method, const Arguments &arguments) {
  if (arguments.positional.size() != 1)
    return context.typeError("join() takes one sequence");
  for (const Value &item : iterate(context, arguments.positional[0]))
    if (!item.isString())
      return context.typeError(std::string("join() of texts met a value of type ") +
                               item.typeName());
  return applyFilter(context, "join", arguments.positional[0], {{method.receiver}, {}});
}

Value callRemoveAffix(Context &context, const MethodData &method, const Arguments &arguments) {
  std::string_view text = method.receiver.asString();
  const std::string *part = textArgument(context, method, arguments, 0);
  if (!part)
    return Value();
  if (method.name == "removeprefix" && text.starts_with(*part))
    text.remove_prefix(part->size());
  else if (method.name == "removesuffix" && text.ends_with(*part))
    text.remove_suffix(part->size());
  return context.checked(Value(text));
}

Value callClass(const std::string &text, std::string_view name) {
  const TextClass wanted = name == "isalpha"   ? TextClass::Alpha
                           : name == "isdigit" ? TextClass::Digit
                           : name == "isalnum" ? TextClass::Alnum
                           : name == "isspace" ? TextClass::Space
                           : name == "isupper" ? TextClass::Upper
                                               : TextClass::Lower;
  return isAll(text, wanted);
}

Value callTextMethod(Context &context, const MethodData &method, const Arguments &arguments) {
  const std::string &name = method.name;
  const std::string &text = method.receiver.asString();
  if (name.ends_with("strip"))
    return callStrip(context, method, arguments);
  if (name == "split" || name == "rsplit")
    return callSplit(context, method, arguments);
  if (name == "splitlines")
    return textList(context, splitLines(text, arguments.flag(0, "keepends", false)));
  if (name == "startswith" || name == "endswith")
    return callEndsWith(context, method, arguments);
  if (name == "replace")
    return callReplace(context, method, arguments);
  if (name == "upper")
    return context.checked(upper(text));
  if (name == "lower")
    return context.checked(lower(text));
  if (name == "capitalize")
    return context.checked(capitalize(text));
  if (name == "title")
    return context.checked(titleMethod(text));
  if (name == "join")
    return callJoin(context, method, arguments);
  if (name.starts_with("remove"))
    return callRemoveAffix(context, method, arguments);
  if (name.starts_with("is"))
    return callClass(text, name);
  return callSearch(context, method, arguments);
}

Value callDictMethod(Context &context, const MethodData &method, const Arguments &arguments) {
  const DictData &dict = method.receiver.asDict();
  if (method.name == "get") {
    if (arguments.positional.empty())
      return context.typeError("get() needs a key");
    const Value *value = dict.find(arguments.positional[0]);
    const Value *standard = arguments.find(1, "default");
    return value ? *value : standard ? *standard : Value(None{});
  }
  if (method.name == "copy")
    return method.receiver;
  std::vector<Value> out;
  out.reserve(dict.entries.size());
  for (const auto &entry : dict.entries)
    out.push_back(method.name == "keys"     ? entry.first
                  : method.name == "values" ? entry.second
                                            : Value::tuple({entry.first, entry.second}));
  return context.checked(Value::list(std::move(out)));
}

Value callListMethod(Context &context, const MethodData &method, const Arguments &arguments) {
  const std::vector<Value> &items = method.receiver.items();
  if (method.name == "copy")
    return method.receiver;
  if (arguments.positional.size() != 1)
    return context.typeError(method.name + "() takes one argument");
  if (!context.charge(method.receiver.weight()))
    return Value();
  const auto same = [&](const Value &item) { return equals(item, arguments.positional[0]); };
  if (method.name == "count")
    return static_cast<int64_t>(std::count_if(items.begin(), items.end(), same));
  const auto it = std::find_if(items.begin(), items.end(), same);
  return it == items.end() ? context.typeError("the value is not in the list")
                           : Value(static_cast<int64_t>(it - items.begin()));
}

Value callLoopMethod(Context &context, const MethodData &method, const Arguments &arguments) {
  LoopState &loop = method.receiver.asLoop();
  if (method.name == "cycle") {
    if (arguments.positional.empty())
      return context.typeError("loop.cycle() needs values");
    return arguments.positional[loop.index % arguments.positional.size()];
  }
  const bool changed = loop.lastChanged.size() != arguments.positional.size() ||
                       !std::equal(loop.lastChanged.begin(), loop.lastChanged.end(),
                                   arguments.positional.begin(), equals);
  for (const Value &value : arguments.positional)
    context.charge(value.weight());
  loop.lastChanged = arguments.positional;
  return changed;
}

} // namespace

bool hasMethod(const Value &receiver, std::string_view name) {
  return (receiver.isString() && among(kTextMethods, name)) ||
         (receiver.isDict() && among(kDictMethods, name)) ||
         (receiver.isList() && among(kListMethods, name));
}

bool isForbiddenMethod(const Value &receiver, std::string_view name) {
  return name.starts_with("__") || (receiver.isDict() && among(kDictForbidden, name)) ||
         (receiver.isList() && among(kListForbidden, name));
}

Value callMethod(Context &context, const MethodData &method, const Arguments &arguments) {
  if (method.receiver.isString())
    return callTextMethod(context, method, arguments);
  if (method.receiver.isDict())
    return callDictMethod(context, method, arguments);
  if (method.receiver.isList())
    return callListMethod(context, method, arguments);
  return callLoopMethod(context, method, arguments);
}

} // namespace ingot::jinja
