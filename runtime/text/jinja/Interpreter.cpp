#include "runtime/text/jinja/Interpreter.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::jinja {

const Value *Scope::find(std::string_view name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    for (const auto &entry : scope->names)
      if (entry.first == name)
        return &entry.second;
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto &entry : names)
    if (entry.first == name) {
      entry.second = std::move(value);
      return;
    }
  names.emplace_back(name, std::move(value));
}

Interpreter::~Interpreter() {
  for (const auto &space : namespaces_)
    space->attributes.clear();
}

Result<std::string> Interpreter::render(const Block &block, const Value &variables) {
  if (!variables.isDict())
    context_.typeError("the variables of a template are a dict");
  else
    for (const auto &[name, value] : variables.asDict().entries)
      globals_.set(toText(context_, name), context_.checked(value));
  root_.outer = &globals_;
  std::string out;
  runBlock(block, root_, out);
  if (context_.failed())
    return context_.error();
  return out;
}

void Interpreter::write(const std::string &text, std::string &out) {
  if (!context_.charge(text.size()))
    return;
  if (text.size() >
      context_.limits().outputBytes - std::min(out.size(), context_.limits().outputBytes)) {
    context_.fail("template-limit",
                  format("the output is longer than %zu bytes", context_.limits().outputBytes));
    return;
  }
  out += text;
}

Interpreter::Flow Interpreter::runBlock(const Block &block, Scope &scope, std::string &out) {
  const LevelGuard guard(*this);
  for (const Stmt &stmt : block) {
    if (context_.failed())
      return Flow::Break;
    if (const Flow flow = runStatement(stmt, scope, out); flow != Flow::Normal)
      return flow;
  }
  return Flow::Normal;
}

std::string Interpreter::capture(const Block &block, Scope &scope) {
  std::string text;
  runBlock(block, scope, text);
  return text;
}

Interpreter::Flow Interpreter::runStatement(const Stmt &stmt, Scope &scope, std::string &out) {
  context_.line = stmt.line;
  context_.charge(16);
  switch (stmt.kind) {
  case StmtKind::Text:
    write(stmt.text, out);
    break;
  case StmtKind::Output:
    write(toText(context_, evaluate(*stmt.exprs[0], scope)), out);
    break;
  case StmtKind::If:
    return runIf(stmt, scope, out);
  case StmtKind::For:
    return runFor(stmt, scope, out);
  case StmtKind::Set:
    assign(stmt.targets[0], evaluate(*stmt.exprs[0], scope), scope);
    break;
  case StmtKind::SetBlock: {
    Scope inner{.outer = &scope};
    Value text = context_.checked(capture(stmt.blocks[0], inner));
    if (!stmt.exprs.empty())
      text = evaluateChain(*stmt.exprs[0], text, scope);
    assign(stmt.targets[0], text, scope);
    break;
  }
  case StmtKind::Macro:
    scope.set(stmt.macro->name, Value(stmt.macro.get()));
    break;
  case StmtKind::CallBlock:
    runCallBlock(stmt, scope, out);
    break;
  case StmtKind::FilterBlock: {
    Scope inner{.outer = &scope};
    const Value text = context_.checked(capture(stmt.blocks[0], inner));
    write(toText(context_, evaluateChain(*stmt.exprs[0], text, scope)), out);
    break;
  }
  case StmtKind::With:
    return runWith(stmt, scope, out);
  case StmtKind::Break:
    return Flow::Break;
  case StmtKind::Continue:
    return Flow::Continue;
  }
  return Flow::Normal;
}

Interpreter::Flow Interpreter::runIf(const Stmt &stmt, Scope &scope, std::string &out) {
  for (size_t i = 0; i < stmt.exprs.size(); ++i)
    if (evaluate(*stmt.exprs[i], scope).isTruthy())
      return runBlock(stmt.blocks[i], scope, out);
  if (stmt.blocks.size() > stmt.exprs.size())
    return runBlock(stmt.blocks.back(), scope, out);
  return Flow::Normal;
}

/// The items that pass the loop's condition, which sees the loop's names but no `loop`.
std::vector<Value> Interpreter::itemsOf(const Stmt &stmt, Scope &scope) {
  std::vector<Value> items = iterate(context_, evaluate(*stmt.exprs[0], scope));
  if (stmt.exprs.size() == 1)
    return items;
  std::vector<Value> kept;
  for (Value &item : items) {
    if (context_.failed())
      break;
    Scope inner{.outer = &scope};
    assign(stmt.targets[0], item, inner);
    if (evaluate(*stmt.exprs[1], inner).isTruthy())
      kept.push_back(std::move(item));
  }
  return kept;
}

Interpreter::Flow Interpreter::runFor(const Stmt &stmt, Scope &scope, std::string &out) {
  auto loop = std::make_shared<LoopState>();
  loop->items = itemsOf(stmt, scope);
  for (const Value &item : loop->items)
    loop->valueDepth = std::max(loop->valueDepth, item.depth() + 1);
  Flow flow = Flow::Normal;
  for (; loop->index < loop->items.size() && flow != Flow::Break && !context_.failed();
       ++loop->index) {
    context_.charge(32);
    Scope inner{.outer = &scope}; // what an iteration sets ends with it
    inner.set("loop", loop);
    assign(stmt.targets[0], loop->items[loop->index], inner);
    flow = runBlock(stmt.blocks[0], inner, out);
  }
  loop->lastChanged.clear();
  if (loop->items.empty() && stmt.blocks.size() > 1 && !context_.failed())
    return runBlock(stmt.blocks[1], scope, out);
  return Flow::Normal;
}

void Interpreter::runCallBlock(const Stmt &stmt, Scope &scope, std::string &out) {
  callers_.emplace_back(stmt.macro.get(), &scope);
  const Value value = evaluateCall(*stmt.exprs[0], scope, stmt.macro.get());
  callers_.pop_back();
  write(toText(context_, value), out);
}

Interpreter::Flow Interpreter::runWith(const Stmt &stmt, Scope &scope, std::string &out) {
  Scope inner{.outer = &scope};
  for (size_t i = 0; i < stmt.targets.size(); ++i)
    assign(stmt.targets[i], evaluate(*stmt.exprs[i], scope), inner);
  return runBlock(stmt.blocks[0], inner, out);
}

void Interpreter::assign(const Target &target, const Value &value, Scope &scope) {
  if (context_.failed())
    return;
  if (target.parts.empty() && target.member.empty()) {
    scope.set(target.name, value);
    return;
  }
  if (!target.member.empty()) {
    const Value *space = scope.find(target.name);
    if (!space || !space->is(Value::Kind::Namespace))
      context_.typeError("cannot assign attribute on non-namespace object '" + target.name + "'");
    else if (context_.charge(32))
      space->asNamespace().set(target.member, value);
    return;
  }
  const std::vector<Value> items = iterate(context_, value);
  if (!context_.failed() && items.size() != target.parts.size())
    context_.typeError(
        format("%zu values cannot be unpacked into %zu names", items.size(), target.parts.size()));
  for (size_t i = 0; i < target.parts.size() && !context_.failed(); ++i)
    assign(target.parts[i], items[i], scope);
}

} // namespace ingot::jinja
