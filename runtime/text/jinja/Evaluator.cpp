// Expressions.
#include "runtime/text/jinja/Interpreter.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::jinja {

Value Interpreter::evaluate(const Expr &expr, Scope &scope) {
  const LevelGuard guard(*this);
  context_.line = expr.line;
  if (!context_.charge(16))
    return Value();
  return evaluateInner(expr, scope);
}

Value Interpreter::evaluateInner(const Expr &expr, Scope &scope) {
  const auto operand = [&](size_t i) { return evaluate(*expr.operands[i], scope); };
  switch (expr.kind) {
  case ExprKind::Constant:
    return expr.value;
  case ExprKind::Name:
    return evaluateName(expr, scope);
  case ExprKind::List:
    return context_.checked(Value::list(evaluateAll(expr, 0, scope)));
  case ExprKind::Tuple:
    return context_.checked(Value::tuple(evaluateAll(expr, 0, scope)));
  case ExprKind::Dict:
    return evaluateDict(expr, scope);
  case ExprKind::Attribute:
    return getAttribute(context_, operand(0), expr.name);
  case ExprKind::Item: {
    const Value object = operand(0);
    return getItem(context_, object, operand(1));
  }
  case ExprKind::Slice:
    return evaluateSlice(expr, scope);
  case ExprKind::Call:
    return evaluateCall(expr, scope, nullptr);
  case ExprKind::Filter: {
    const Value input = operand(0);
    const Arguments arguments = evaluateArguments(expr, scope);
    return context_.failed() ? Value() : applyFilter(context_, expr.name, input, arguments);
  }
  case ExprKind::Test: {
    const Value input = operand(0);
    const Arguments arguments = evaluateArguments(expr, scope);
    return !context_.failed() && applyTest(context_, expr.name, input, arguments);
  }
  case ExprKind::Not:
    return !operand(0).isTruthy();
  case ExprKind::Negate:
    return negate(context_, operand(0));
  case ExprKind::Plus:
    return operand(0);
  case ExprKind::Binary: {
    const Value left = operand(0);
    const Value right = operand(1);
    return context_.failed() ? Value() : binary(context_, expr.name, left, right);
  }
  case ExprKind::Concat:
    return evaluateConcat(expr, scope);
  case ExprKind::Compare:
    return evaluateCompare(expr, scope);
  case ExprKind::And: {
    const Value left = operand(0);
    return left.isTruthy() ? operand(1) : left;
  }
  case ExprKind::Or: {
    const Value left = operand(0);
    return left.isTruthy() ? left : operand(1);
  }
  case ExprKind::Conditional:
    return evaluateConditional(expr, scope);
  }
  return Value();
}

Value Interpreter::evaluateName(const Expr &expr, const Scope &scope) {
  if (const Value *value = scope.find(expr.name))
    return *value;
  if (Value function = findFunction(context_, expr.name); !function.isUndefined())
    return function;
  const std::string hint =
      expr.name == "strftime_now"
          ? "'strftime_now' is undefined: no date was given for the template to write"
          : "'" + expr.name + "' is undefined";
  return Undefined{std::make_shared<const std::string>(hint)};
}

std::vector<Value> Interpreter::evaluateAll(const Expr &expr, size_t from, Scope &scope) {
  std::vector<Value> values;
  for (size_t i = from; i < expr.operands.size() && !context_.failed(); ++i)
    values.push_back(evaluate(*expr.operands[i], scope));
  return values;
}

Value Interpreter::evaluateDict(const Expr &expr, Scope &scope) {
  const std::vector<Value> parts = evaluateAll(expr, 0, scope);
  std::vector<std::pair<Value, Value>> entries;
  for (size_t i = 0; i + 1 < parts.size(); i += 2) {
    if (parts[i].isDict() || (parts[i].isList() && parts[i].asList().kind != ListKind::Tuple))
      return context_.typeError(std::string("unhashable type: '") + parts[i].typeName() + "'");
    entries.emplace_back(parts[i], parts[i + 1]);
  }
  return context_.checked(Value::dict(std::move(entries)));
}

Value Interpreter::evaluateSlice(const Expr &expr, Scope &scope) {
  const Value object = evaluate(*expr.operands[0], scope);
  Value parts[3] = {None{}, None{}, None{}};
  for (size_t i = 0; i < 3; ++i)
    if (expr.operands[i + 1])
      parts[i] = evaluate(*expr.operands[i + 1], scope);
  return context_.failed() ? Value() : getSlice(context_, object, parts);
}

/// a < b < c is a < b and b < c, each operand evaluated once.
Value Interpreter::evaluateCompare(const Expr &expr, Scope &scope) {
  Value left = evaluate(*expr.operands[0], scope);
  for (size_t i = 0; i < expr.names.size(); ++i) {
    Value right = evaluate(*expr.operands[i + 1], scope);
    if (context_.failed() || !compare(context_, expr.names[i], left, right))
      return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::evaluateConcat(const Expr &expr, Scope &scope) {
  std::string text;
  for (const Value &part : evaluateAll(expr, 0, scope))
    text += toText(context_, part);
  return context_.checked(std::move(text));
}

Value Interpreter::evaluateConditional(const Expr &expr, Scope &scope) {
  if (evaluate(*expr.operands[0], scope).isTruthy())
    return evaluate(*expr.operands[1], scope);
  if (expr.operands[2])
    return evaluate(*expr.operands[2], scope);
  return Undefined{std::make_shared<const std::string>(
      "the inline if-expression evaluated to false and has no else")};
}

Arguments Interpreter::evaluateArguments(const Expr &expr, Scope &scope) {
  Arguments arguments;
  arguments.positional = evaluateAll(expr, 1, scope);
  for (const Keyword &keyword : expr.keywords)
    arguments.named.emplace_back(keyword.name, evaluate(*keyword.value, scope));
  return arguments;
}

Value Interpreter::evaluateCall(const Expr &expr, Scope &scope, const MacroDef *caller) {
  const Value callee = evaluate(*expr.operands[0], scope);
  if (context_.failed())
    return Value();
  if (callee.isUndefined())
    return context_.undefinedError(callee);
  const Arguments arguments = evaluateArguments(expr, scope);
  context_.line = expr.line;
  if (context_.failed())
    return Value();
  if (callee.is(Value::Kind::Function)) {
    Value value = callFunction(context_, callee.asFunction(), arguments);
    if (value.is(Value::Kind::Namespace))
      namespaces_.push_back(value.sharedNamespace());
    return value;
  }
  if (callee.is(Value::Kind::Method))
    return callMethod(context_, callee.asMethod(), arguments);
  if (!callee.is(Value::Kind::Macro))
    return context_.typeError(std::string("'") + callee.typeName() + "' object is not callable");
  // A caller block sees the names around its {% call %}; macros see those of the template.
  Scope *outer = &root_;
  for (const auto &[block, around] : callers_)
    if (block == &callee.asMacro())
      outer = around;
  return callMacro(callee.asMacro(), arguments, caller, outer);
}

bool Interpreter::bindParameters(const MacroDef &macro, const Arguments &arguments, Scope &scope) {
  if (arguments.positional.size() > macro.parameters.size())
    context_.typeError(format("macro '%s' takes not more than %zu argument(s)", macro.name.c_str(),
                              macro.parameters.size()));
  for (const auto &entry : arguments.named)
    if (std::none_of(
            macro.parameters.begin(), macro.parameters.end(),
            [&](const MacroParameter &parameter) { return parameter.name == entry.first; }))
      context_.typeError("macro '" + macro.name + "' takes no keyword argument '" + entry.first +
                         "'");
  for (size_t i = 0; i < macro.parameters.size() && !context_.failed(); ++i) {
    const MacroParameter &parameter = macro.parameters[i];
    if (const Value *given = arguments.find(i, parameter.name))
      scope.set(parameter.name, *given);
    else if (parameter.standard)
      scope.set(parameter.name, evaluate(*parameter.standard, scope));
    else
      scope.set(parameter.name, Undefined{std::make_shared<const std::string>(
                                    "parameter '" + parameter.name + "' was not provided")});
  }
  return !context_.failed();
}

Value Interpreter::callMacro(const MacroDef &macro, const Arguments &arguments,
                             const MacroDef *caller, Scope *outer) {
  const LevelGuard guard(*this);
  Scope scope{.outer = outer};
  if (caller)
    scope.set("caller", Value(caller));
  if (!bindParameters(macro, arguments, scope))
    return Value();
  return context_.checked(capture(macro.body, scope));
}

Value Interpreter::evaluateChain(const Expr &expr, const Value &input, Scope &scope) {
  if (expr.kind == ExprKind::Constant)
    return input;
  const Value inner = evaluateChain(*expr.operands[0], input, scope);
  const Arguments arguments = evaluateArguments(expr, scope);
  context_.line = expr.line;
  if (context_.failed())
    return Value();
  if (expr.kind != ExprKind::Filter)
    return context_.typeError("only filters may follow here");
  return applyFilter(context_, expr.name, inner, arguments);
}

} // namespace ingot::jinja
