// Values of chat templates: what JSON knows, and the few kinds that templates make themselves.
// Lists and dicts never change once made, as in the sandbox that Hugging Face renders templates in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ingot::jinja {

struct DictData;
struct ListData;
enum class ListKind : uint8_t;
struct LoopState;
struct MacroDef;
struct MethodData;
struct NamespaceData;

/// A text. One that `safe` or `escape` made is markup: texts that + joins to it are escaped.
struct TextData {
  std::string text;
  bool markup = false;
};

/// The functions a template finds under a name.
enum class Function : uint8_t { Range, Namespace, Dict, RaiseException, StrftimeNow };

/// Python's None.
struct None {};
/// A name or member that is not there; `what` explains it when it is used after all.
struct Undefined {
  std::shared_ptr<const std::string> what;
};

/// Containers nest at most this deep, so that walking and freeing them is safe.
inline constexpr uint32_t kMaxValueDepth = 128;
/// Scalars a container may hold, counted through all levels: shared parts count each time they
/// appear, so that comparing and printing ends.
inline constexpr uint64_t kMaxValueWeight = uint64_t{1} << 22;

class Value {
public:
  enum class Kind : uint8_t {
    Undefined,
    None,
    Bool,
    Int,
    Float,
    String,
    List, ///< or tuple
    Dict,
    Namespace,
    Loop,
    Macro,
    Function,
    Method,
  };

  Value() = default;
  Value(None) : data_(None{}) {}
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(int64_t{value}) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string text) : data_(std::make_shared<const TextData>(TextData{std::move(text)})) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char *text) : Value(std::string(text)) {}
  Value(std::shared_ptr<const ListData> list) : data_(std::move(list)) {}
  Value(std::shared_ptr<const DictData> dict) : data_(std::move(dict)) {}
  Value(std::shared_ptr<NamespaceData> space) : data_(std::move(space)) {}
  Value(std::shared_ptr<LoopState> loop) : data_(std::move(loop)) {}
  Value(const MacroDef *macro) : data_(macro) {}
  Value(Function function) : data_(function) {}
  Value(std::shared_ptr<const MethodData> method) : data_(std::move(method)) {}

  /// A list, tuple or dict; the renderer refuses what is nested deeper than kMaxValueDepth.
  static Value list(std::vector<Value> items);
  static Value list(std::vector<Value> items, ListKind kind);
  static Value tuple(std::vector<Value> items);
  static Value dict(std::vector<std::pair<Value, Value>> entries);
  static Value markup(std::string text) {
    Value value;
    value.data_ = std::make_shared<const TextData>(TextData{std::move(text), true});
    return value;
  }

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind wanted) const { return kind() == wanted; }
  bool isUndefined() const { return is(Kind::Undefined); }
  bool isNone() const { return is(Kind::None); }
  bool isString() const { return is(Kind::String); }
  bool isList() const { return is(Kind::List); }
  bool isDict() const { return is(Kind::Dict); }
  bool isBool() const { return is(Kind::Bool); }
  /// An integer, where Python's bool is one too.
  bool isIntegral() const { return is(Kind::Int) || isBool(); }
  bool isNumber() const { return isIntegral() || is(Kind::Float); }

  bool asBool() const { return std::get<bool>(data_); }
  int64_t asInt() const { return isBool() ? int64_t{asBool()} : std::get<int64_t>(data_); }
  double asFloat() const {
    return is(Kind::Float) ? std::get<double>(data_) : static_cast<double>(asInt());
  }
  const std::string &asString() const {
    return std::get<std::shared_ptr<const TextData>>(data_)->text;
  }
  bool isMarkup() const {
    return isString() && std::get<std::shared_ptr<const TextData>>(data_)->markup;
  }
  const ListData &asList() const { return *std::get<std::shared_ptr<const ListData>>(data_); }
  const std::vector<Value> &items() const;
  const DictData &asDict() const { return *std::get<std::shared_ptr<const DictData>>(data_); }
  NamespaceData &asNamespace() const { return *sharedNamespace(); }
  const std::shared_ptr<NamespaceData> &sharedNamespace() const {
    return std::get<std::shared_ptr<NamespaceData>>(data_);
  }
  LoopState &asLoop() const { return *std::get<std::shared_ptr<LoopState>>(data_); }
  const MacroDef &asMacro() const { return *std::get<const MacroDef *>(data_); }
  Function asFunction() const { return std::get<Function>(data_); }
  const MethodData &asMethod() const { return *std::get<std::shared_ptr<const MethodData>>(data_); }
  const Undefined &asUndefined() const { return std::get<Undefined>(data_); }

  bool isTruthy() const;
  /// The type as Python names it: "str", "dict", ...
  const char *typeName() const;
  /// Levels of nesting; 0 for a scalar.
  uint32_t depth() const;
  /// Scalars in it, through all levels.
  uint64_t weight() const;

private:
  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const TextData>,
               std::shared_ptr<const ListData>, std::shared_ptr<const DictData>,
               std::shared_ptr<NamespaceData>, std::shared_ptr<LoopState>, const MacroDef *,
               Function, std::shared_ptr<const MethodData>>
      data_;
};

/// An iterator is what filters like select return in Python: true even when empty, without a
/// length.
enum class ListKind : uint8_t { List, Tuple, Iterator };

struct ListData {
  std::vector<Value> items;
  ListKind kind = ListKind::List;
  uint32_t depth = 1;
  uint64_t weight = 1;
};

/// Entries in the order of insertion, keys unique.
struct DictData {
  std::vector<std::pair<Value, Value>> entries;
  uint32_t depth = 1;
  uint64_t weight = 1;

  const Value *find(const Value &key) const;
  const Value *find(std::string_view key) const;
};

/// The one thing that templates may change: namespace(...).
struct NamespaceData {
  std::vector<std::pair<std::string, Value>> attributes;

  Value *find(std::string_view name);
  void set(std::string_view name, Value value);
};

/// What `loop` shows inside a for.
struct LoopState {
  std::vector<Value> items;
  size_t index = 0; ///< of the current item
  uint32_t valueDepth = 1;
  std::vector<Value>
      lastChanged; ///< arguments of the last loop.changed(); emptied when the loop ends
};

/// A method found on a value, not called yet.
struct MethodData {
  Value receiver;
  std::string name;
};

/// Python's ==; values of different kinds are different, numbers compare by value.
bool equals(const Value &a, const Value &b);

/// Characters (code points) of valid UTF-8.
size_t countCharacters(std::string_view text);

} // namespace ingot::jinja
