// Walks a parsed template and writes its output.
#pragma once

#include "runtime/text/jinja/Ast.h"
#include "runtime/text/jinja/Runtime.h"

namespace ingot::jinja {

/// The names of one block: a loop body, a macro, the template itself. Looked up inside out.
struct Scope {
  Scope *outer = nullptr;
  std::vector<std::pair<std::string, Value>> names = {};

  const Value *find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

class Interpreter {
public:
  Interpreter(const Limits &limits, std::optional<std::tm> now) : context_(limits, now) {}
  ~Interpreter();
  Interpreter(const Interpreter &) = delete;
  Interpreter &operator=(const Interpreter &) = delete;

  /// Renders with the entries of `variables` as global names.
  Result<std::string> render(const Block &block, const Value &variables);

private:
  enum class Flow { Normal, Break, Continue };

  // Interpreter.cpp: statements. `out` receives the text.
  Flow runBlock(const Block &block, Scope &scope, std::string &out);
  Flow runStatement(const Stmt &stmt, Scope &scope, std::string &out);
  Flow runIf(const Stmt &stmt, Scope &scope, std::string &out);
  Flow runFor(const Stmt &stmt, Scope &scope, std::string &out);
  std::vector<Value> itemsOf(const Stmt &stmt, Scope &scope);
  void runCallBlock(const Stmt &stmt, Scope &scope, std::string &out);
  Flow runWith(const Stmt &stmt, Scope &scope, std::string &out);
  std::string capture(const Block &block, Scope &scope);
  void assign(const Target &target, const Value &value, Scope &scope);
  void write(const std::string &text, std::string &out);

  // Evaluator.cpp: expressions.
  Value evaluate(const Expr &expr, Scope &scope);
  Value evaluateInner(const Expr &expr, Scope &scope);
  Value evaluateName(const Expr &expr, const Scope &scope);
  Value evaluateDict(const Expr &expr, Scope &scope);
  Value evaluateSlice(const Expr &expr, Scope &scope);
  Value evaluateCompare(const Expr &expr, Scope &scope);
  Value evaluateConcat(const Expr &expr, Scope &scope);
  Value evaluateConditional(const Expr &expr, Scope &scope);
  Value evaluateCall(const Expr &expr, Scope &scope, const MacroDef *caller);
  /// A chain of filters over `input`, which stands in the place of the innermost operand.
  Value evaluateChain(const Expr &expr, const Value &input, Scope &scope);
  std::vector<Value> evaluateAll(const Expr &expr, size_t from, Scope &scope);
  Arguments evaluateArguments(const Expr &expr, Scope &scope);
  Value callMacro(const MacroDef &macro, const Arguments &arguments, const MacroDef *caller,
                  Scope *outer);
  bool bindParameters(const MacroDef &macro, const Arguments &arguments, Scope &scope);

  friend class LevelGuard;

  Context context_;
  Scope globals_;
  Scope root_; ///< what the template itself sets
  uint32_t level_ = 0;
  std::vector<std::shared_ptr<NamespaceData>>
      namespaces_; ///< emptied at the end: they may hold each other
  /// Where the caller block of a running {% call %} finds its names.
  std::vector<std::pair<const MacroDef *, Scope *>> callers_;
};

/// Counts one level of nesting while it lives.
class LevelGuard {
public:
  explicit LevelGuard(Interpreter &interpreter) : interpreter_(interpreter) {
    if (++interpreter_.level_ > interpreter_.context_.limits().depth)
      interpreter_.context_.fail("template-limit",
                                 "statements, expressions and macro calls nest too deeply");
  }
  ~LevelGuard() { --interpreter_.level_; }
  LevelGuard(const LevelGuard &) = delete;
  LevelGuard &operator=(const LevelGuard &) = delete;

private:
  Interpreter &interpreter_;
};

} // namespace ingot::jinja
