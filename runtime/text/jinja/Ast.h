// What a parsed template is made of. Trees are at most kMaxTreeDepth deep, so walking them is safe.
#pragma once

#include "runtime/text/jinja/Value.h"

#include <memory>
#include <string>
#include <vector>

namespace ingot::jinja {

inline constexpr uint32_t kMaxTreeDepth = 150;

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : uint8_t {
  Constant,    ///< value
  Name,        ///< name
  List,        ///< operands
  Tuple,       ///< operands
  Dict,        ///< operands: key, value, key, value, ...
  Attribute,   ///< operands[0].name
  Item,        ///< operands[0][operands[1]]
  Slice,       ///< operands[0][operands[1]:operands[2]:operands[3]], absent parts null
  Call,        ///< operands[0](operands[1..], keywords)
  Filter,      ///< operands[0] | name(operands[1..], keywords)
  Test,        ///< operands[0] is name(operands[1..])
  Not,         ///< operands[0]
  Negate,      ///< operands[0]
  Plus,        ///< operands[0]
  Binary,      ///< operands[0] name operands[1]; name: + - * / // % **
  Concat,      ///< operands joined by ~
  Compare,     ///< operands[0] names[0] operands[1] names[1] ...: == != < <= > >= in not-in
  And,         ///< operands[0], operands[1]
  Or,          ///< operands[0], operands[1]
  Conditional, ///< operands[1] if operands[0] else operands[2] (may be null)
};

struct Keyword {
  std::string name;
  ExprPtr value;
};

struct Expr {
  ExprKind kind;
  uint32_t line = 0;
  uint32_t depth = 1;
  std::string name = {};
  Value value = {};
  std::vector<ExprPtr> operands = {};
  std::vector<Keyword> keywords = {};
  std::vector<std::string> names = {};
};

/// Where an assignment goes: a name, a member of a namespace, or several of these.
struct Target {
  std::string name;
  std::string member = {};        ///< of the namespace `name`; empty for a plain name
  std::vector<Target> parts = {}; ///< unpacking; name is empty
};

struct Stmt;
using Block = std::vector<Stmt>;

struct MacroParameter {
  std::string name;
  ExprPtr standard; ///< default value or null
};

struct MacroDef {
  std::string name;
  uint32_t line = 0;
  std::vector<MacroParameter> parameters;
  Block body;
};

enum class StmtKind : uint8_t {
  Text,        ///< text
  Output,      ///< exprs[0]
  If,          ///< exprs[i] -> blocks[i]; one block more than exprs is the else
  For,         ///< target in exprs[0] [if exprs[1]]: blocks[0], else blocks[1]
  Set,         ///< targets[0] = exprs[0]
  SetBlock,    ///< targets[0] = output of blocks[0], through the filters of exprs[0] if there
  Macro,       ///< macro
  CallBlock,   ///< exprs[0] is a call; macro = its caller
  FilterBlock, ///< output of blocks[0] through exprs[0]
  With,        ///< targets[i] = exprs[i] inside blocks[0]
  Break,
  Continue,
};

struct Stmt {
  StmtKind kind;
  uint32_t line = 0;
  std::string text = {};
  std::vector<ExprPtr> exprs = {};
  std::vector<Target> targets = {};
  std::vector<Block> blocks = {};
  std::unique_ptr<MacroDef> macro = {};
};

} // namespace ingot::jinja
