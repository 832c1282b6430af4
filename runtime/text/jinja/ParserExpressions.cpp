// Expressions, from the loosest binding to the tightest.
#include "runtime/text/jinja/Parser.h"

#include <algorithm>
#include <charconv>

namespace ingot::jinja {

ExprPtr Parser::parseExpression(bool allowConditional) {
  const DepthGuard guard(*this);
  if (failed())
    return make(ExprKind::Constant);
  return allowConditional ? parseConditional() : parseOr();
}

/// a, b, c without brackets; a single expression stays itself.
ExprPtr Parser::parseTuple() {
  ExprPtr first = parseExpression();
  if (!isOperator(","))
    return first;
  ExprPtr tuple = make(ExprKind::Tuple, std::move(first));
  while (takeOperator(",") && !failed())
    if (peek().type != TokenType::VariableEnd && peek().type != TokenType::BlockEnd)
      addOperand(*tuple, parseExpression());
  return tuple;
}

ExprPtr Parser::parseConditional() {
  ExprPtr node = parseOr();
  while (takeName("if") && !failed()) {
    ExprPtr condition = parseOr();
    ExprPtr conditional = make(ExprKind::Conditional, std::move(condition), std::move(node));
    addOperand(*conditional, takeName("else") ? parseExpression() : nullptr);
    node = std::move(conditional);
  }
  return node;
}

ExprPtr Parser::parseOr() {
  ExprPtr node = parseAnd();
  while (takeName("or") && !failed())
    node = make(ExprKind::Or, std::move(node), parseAnd());
  return node;
}

ExprPtr Parser::parseAnd() {
  ExprPtr node = parseNot();
  while (takeName("and") && !failed())
    node = make(ExprKind::And, std::move(node), parseNot());
  return node;
}

ExprPtr Parser::parseNot() {
  const DepthGuard guard(*this);
  if (!failed() && takeName("not"))
    return make(ExprKind::Not, parseNot());
  return parseCompare();
}

bool Parser::takeComparison(std::string &name) {
  for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"})
    if (takeOperator(op)) {
      name = op;
      return true;
    }
  if (takeName("in")) {
    name = "in";
    return true;
  }
  if (isName("not") && isName("in", 1)) {
    take();
    take();
    name = "not in";
    return true;
  }
  return false;
}

ExprPtr Parser::parseCompare() {
  ExprPtr node = parseSum();
  std::string name;
  if (!takeComparison(name))
    return node;
  ExprPtr compare = make(ExprKind::Compare, std::move(node));
  do {
    compare->names.push_back(name);
    addOperand(*compare, parseSum());
  } while (!failed() && takeComparison(name));
  return compare;
}

ExprPtr Parser::parseSum() {
  ExprPtr node = parseConcat();
  while ((isOperator("+") || isOperator("-")) && !failed()) {
    const std::string op = take().text;
    node = make(ExprKind::Binary, std::move(node), parseConcat());
    node->name = op;
  }
  return node;
}

ExprPtr Parser::parseConcat() {
  ExprPtr node = parseProduct();
  if (!isOperator("~"))
    return node;
  ExprPtr concat = make(ExprKind::Concat, std::move(node));
  while (takeOperator("~") && !failed())
    addOperand(*concat, parseProduct());
  return concat;
}

ExprPtr Parser::parseProduct() {
  ExprPtr node = parsePower();
  while ((isOperator("*") || isOperator("/") || isOperator("//") || isOperator("%")) && !failed()) {
    const std::string op = take().text;
    node = make(ExprKind::Binary, std::move(node), parsePower());
    node->name = op;
  }
  return node;
}

ExprPtr Parser::parsePower() {
  ExprPtr node = parseUnary();
  while (takeOperator("**") && !failed()) {
    node = make(ExprKind::Binary, std::move(node), parseUnary());
    node->name = "**";
  }
  return node;
}

ExprPtr Parser::parseUnary(bool withFilter) {
  const DepthGuard guard(*this);
  if (failed())
    return make(ExprKind::Constant);
  ExprPtr node;
  if (takeOperator("-"))
    node = make(ExprKind::Negate, parseUnary(false));
  else if (takeOperator("+"))
    node = make(ExprKind::Plus, parseUnary(false));
  else
    node = parsePrimary();
  node = parsePostfix(std::move(node));
  return withFilter ? parseFilters(std::move(node)) : std::move(node);
}

ExprPtr Parser::parsePrimary() {
  ExprPtr node = make(ExprKind::Constant);
  const Token token = peek();
  switch (token.type) {
  case TokenType::Name:
    take();
    if (token.text == "true" || token.text == "True") {
      node->value = Value(true);
    } else if (token.text == "false" || token.text == "False") {
      node->value = Value(false);
    } else if (token.text == "none" || token.text == "None") {
      node->value = Value(None{});
    } else {
      node->kind = ExprKind::Name;
      node->name = token.text;
    }
    return node;
  case TokenType::String: {
    std::string text;
    while (peek().type == TokenType::String && !failed())
      text += take().text;
    node->value = Value(std::move(text));
    return node;
  }
  case TokenType::Integer: {
    int64_t number = 0;
    std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
    node->value = Value(number);
    take();
    return node;
  }
  case TokenType::Float: {
    double number = 0;
    std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
    node->value = Value(number);
    take();
    return node;
  }
  default:
    break;
  }
  if (isOperator("("))
    return parseBracketed(')', ExprKind::Tuple);
  if (isOperator("["))
    return parseBracketed(']', ExprKind::List);
  if (isOperator("{"))
    return parseDict();
  fail("expected a value");
  return node;
}

/// ( ... ) or [ ... ]; round brackets around one expression without comma only group.
ExprPtr Parser::parseBracketed(char close, ExprKind kind) {
  take();
  const std::string end(1, close);
  ExprPtr node = make(kind);
  bool comma = false;
  while (!isOperator(end) && !failed()) {
    if (!node->operands.empty()) {
      expectOperator(",");
      comma = true;
      if (isOperator(end))
        break;
    }
    addOperand(*node, parseExpression());
  }
  expectOperator(end);
  if (kind == ExprKind::Tuple && node->operands.size() == 1 && !comma)
    return std::move(node->operands[0]);
  return node;
}

ExprPtr Parser::parseDict() {
  take();
  ExprPtr node = make(ExprKind::Dict);
  while (!isOperator("}") && !failed()) {
    if (!node->operands.empty()) {
      expectOperator(",");
      if (isOperator("}"))
        break;
    }
    addOperand(*node, parseExpression());
    expectOperator(":");
    addOperand(*node, parseExpression());
  }
  expectOperator("}");
  return node;
}

ExprPtr Parser::parsePostfix(ExprPtr node) {
  while (!failed()) {
    if (takeOperator(".")) {
      if (peek().type == TokenType::Integer) {
        ExprPtr index = parsePrimary();
        node = make(ExprKind::Item, std::move(node), std::move(index));
        continue;
      }
      node = make(ExprKind::Attribute, std::move(node));
      node->name = expectName();
    } else if (isOperator("[")) {
      node = parseSubscript(std::move(node));
    } else if (isOperator("(")) {
      node = make(ExprKind::Call, std::move(node));
      parseArguments(*node);
    } else {
      break;
    }
  }
  return node;
}

ExprPtr Parser::parseSubscript(ExprPtr node) {
  take(); // [
  ExprPtr parts[3];
  bool slice = false;
  for (int i = 0; i < 3; ++i) {
    if (!isOperator(":") && !isOperator("]"))
      parts[i] = parseExpression();
    if (!takeOperator(":"))
      break;
    slice = true;
  }
  expectOperator("]");
  if (!slice) {
    if (!parts[0])
      fail("expected an index");
    return make(ExprKind::Item, std::move(node), std::move(parts[0]));
  }
  ExprPtr out = make(ExprKind::Slice, std::move(node));
  for (ExprPtr &part : parts)
    addOperand(*out, std::move(part));
  return out;
}

ExprPtr Parser::parseFilters(ExprPtr node) {
  while (!failed()) {
    if (isOperator("|")) {
      take();
      node = parseFilter(std::move(node));
    } else if (isName("is")) {
      take();
      node = parseTest(std::move(node));
    } else if (isOperator("(")) {
      node = make(ExprKind::Call, std::move(node));
      parseArguments(*node);
    } else {
      break;
    }
  }
  return node;
}

ExprPtr Parser::parseFilter(ExprPtr node) {
  ExprPtr filter = make(ExprKind::Filter, std::move(node));
  filter->name = expectName();
  if (isOperator("("))
    parseArguments(*filter);
  return filter;
}

ExprPtr Parser::parseTest(ExprPtr node) {
  const bool negated = takeName("not");
  ExprPtr test = make(ExprKind::Test, std::move(node));
  test->name = expectName();
  const TokenType next = peek().type;
  const bool isWord = next == TokenType::Name;
  const bool stops = isWord && (isName("else") || isName("or") || isName("and") || isName("is") ||
                                isName("if") || isName("in") || isName("not"));
  if (isOperator("("))
    parseArguments(*test);
  else if ((isWord && !stops) || next == TokenType::String || next == TokenType::Integer ||
           next == TokenType::Float || isOperator("[") || isOperator("{"))
    addOperand(*test, parsePostfix(parsePrimary()));
  return negated ? make(ExprKind::Not, std::move(test)) : std::move(test);
}

/// ( a, b, name=c ) behind a callee, filter or test.
void Parser::parseArguments(Expr &call) {
  expectOperator("(");
  bool first = true;
  while (!isOperator(")") && !failed()) {
    if (!first)
      expectOperator(",");
    first = false;
    if (isOperator(")"))
      break;
    if (peek().type == TokenType::Name && isOperator("=", 1)) {
      Keyword keyword{.name = take().text, .value = nullptr};
      take();
      keyword.value = parseExpression();
      call.depth = std::max(call.depth, keyword.value->depth + 1);
      call.keywords.push_back(std::move(keyword));
    } else if (call.keywords.empty()) {
      addOperand(call, parseExpression());
    } else {
      fail("a positional argument after a named one");
    }
  }
  expectOperator(")");
}

} // namespace ingot::jinja
