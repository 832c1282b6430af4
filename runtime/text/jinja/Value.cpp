#include "runtime/text/jinja/Value.h"

#include <algorithm>

namespace ingot::jinja {

namespace {

/// Counts one more part of a container.
template <typename Container>
void account(Container &container, const Value &part) {
  container.depth = std::max(container.depth, part.depth() + 1);
  container.weight = std::min(container.weight + part.weight(), kMaxValueWeight + 1);
}

} // namespace

Value Value::list(std::vector<Value> items, ListKind kind) {
  auto data = std::make_shared<ListData>();
  for (const Value &item : items)
    account(*data, item);
  data->items = std::move(items);
  data->kind = kind;
  return Value(std::shared_ptr<const ListData>(std::move(data)));
}

Value Value::list(std::vector<Value> items) { return list(std::move(items), ListKind::List); }
Value Value::tuple(std::vector<Value> items) { return list(std::move(items), ListKind::Tuple); }

Value Value::dict(std::vector<std::pair<Value, Value>> entries) {
  auto data = std::make_shared<DictData>();
  for (auto &entry : entries) {
    account(*data, entry.first);
    account(*data, entry.second);
    if (const Value *old = data->find(entry.first))
      *const_cast<Value *>(old) = std::move(entry.second); // still ours alone
    else
      data->entries.push_back(std::move(entry));
  }
  return Value(std::shared_ptr<const DictData>(std::move(data)));
}

const std::vector<Value> &Value::items() const { return asList().items; }

bool Value::isTruthy() const {
  switch (kind()) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Bool:
    return asBool();
  case Kind::Int:
    return asInt() != 0;
  case Kind::Float:
    return asFloat() != 0;
  case Kind::String:
    return !asString().empty();
  case Kind::List:
    return !items().empty() || asList().kind == ListKind::Iterator;
  case Kind::Dict:
    return !asDict().entries.empty();
  default:
    return true;
  }
}

const char *Value::typeName() const {
  switch (kind()) {
  case Kind::Undefined:
    return "Undefined";
  case Kind::None:
    return "NoneType";
  case Kind::Bool:
    return "bool";
  case Kind::Int:
    return "int";
  case Kind::Float:
    return "float";
  case Kind::String:
    return "str";
  case Kind::List:
    return asList().kind == ListKind::Tuple  ? "tuple"
           : asList().kind == ListKind::List ? "list"
                                             : "generator";
  case Kind::Dict:
    return "dict";
  case Kind::Namespace:
    return "Namespace";
  case Kind::Loop:
    return "LoopContext";
  case Kind::Macro:
    return "Macro";
  case Kind::Function:
    return "function";
  case Kind::Method:
    return "method";
  }
  return "?";
}

uint32_t Value::depth() const {
  switch (kind()) {
  case Kind::List:
    return asList().depth;
  case Kind::Dict:
    return asDict().depth;
  case Kind::Loop:
    return asLoop().valueDepth;
  case Kind::Method:
    return asMethod().receiver.depth() + 1;
  default:
    return 0;
  }
}

uint64_t Value::weight() const {
  switch (kind()) {
  case Kind::List:
    return asList().weight;
  case Kind::Dict:
    return asDict().weight;
  case Kind::Method:
    return asMethod().receiver.weight();
  default:
    return 1;
  }
}

const Value *DictData::find(const Value &key) const {
  for (const auto &entry : entries)
    if (equals(entry.first, key))
      return &entry.second;
  return nullptr;
}

const Value *DictData::find(std::string_view key) const {
  for (const auto &entry : entries)
    if (entry.first.isString() && entry.first.asString() == key)
      return &entry.second;
  return nullptr;
}

Value *NamespaceData::find(std::string_view name) {
  for (auto &attribute : attributes)
    if (attribute.first == name)
      return &attribute.second;
  return nullptr;
}

void NamespaceData::set(std::string_view name, Value value) {
  if (Value *old = find(name))
    *old = std::move(value);
  else
    attributes.emplace_back(name, std::move(value));
}

namespace {

bool equalDicts(const DictData &a, const DictData &b) {
  if (a.entries.size() != b.entries.size())
    return false;
  return std::all_of(a.entries.begin(), a.entries.end(), [&](const auto &entry) {
    const Value *other = b.find(entry.first);
    return other && equals(entry.second, *other);
  });
}

} // namespace

bool equals(const Value &a, const Value &b) {
  if (a.isNumber() && b.isNumber())
    return a.isIntegral() && b.isIntegral() ? a.asInt() == b.asInt() : a.asFloat() == b.asFloat();
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
  case Value::Kind::String:
    return a.asString() == b.asString();
  case Value::Kind::List:
    return a.asList().kind == b.asList().kind && a.items().size() == b.items().size() &&
           std::equal(a.items().begin(), a.items().end(), b.items().begin(), equals);
  case Value::Kind::Dict:
    return equalDicts(a.asDict(), b.asDict());
  case Value::Kind::Namespace:
    return &a.asNamespace() == &b.asNamespace();
  case Value::Kind::Loop:
    return &a.asLoop() == &b.asLoop();
  case Value::Kind::Macro:
    return &a.asMacro() == &b.asMacro();
  case Value::Kind::Function:
    return a.asFunction() == b.asFunction();
  case Value::Kind::Method:
    return a.asMethod().name == b.asMethod().name &&
           equals(a.asMethod().receiver, b.asMethod().receiver);
  default:
    return true; // two undefined, two None
  }
}

size_t countCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

} // namespace ingot::jinja
