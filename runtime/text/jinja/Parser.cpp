#include "runtime/text/jinja/Parser.h"

#include "runtime/base/Format.h"

#include <algorithm>

namespace ingot::jinja {

Result<Block> Parser::parse() {
  Block block = parseBlock({});
  if (failed())
    return error_;
  return block;
}

// ---- token stream ------------------------------------------------------------------------------

Token Parser::take() {
  Token token = peek();
  if (at_ + 1 < tokens_.size())
    ++at_;
  return token;
}

bool Parser::isOperator(std::string_view op, size_t ahead) const {
  return peek(ahead).type == TokenType::Operator && peek(ahead).text == op;
}

bool Parser::isName(std::string_view name, size_t ahead) const {
  return peek(ahead).type == TokenType::Name && peek(ahead).text == name;
}

bool Parser::takeOperator(std::string_view op) {
  const bool found = isOperator(op);
  if (found)
    take();
  return found;
}

bool Parser::takeName(std::string_view name) {
  const bool found = isName(name);
  if (found)
    take();
  return found;
}

void Parser::expectOperator(std::string_view op) {
  if (!takeOperator(op))
    fail("expected '" + std::string(op) + "'");
}

std::string Parser::expectName() {
  if (peek().type != TokenType::Name)
    fail("expected a name");
  return take().text;
}

void Parser::expectBlockEnd() {
  if (peek().type != TokenType::BlockEnd)
    fail("expected the end of the tag");
  take();
}

void Parser::fail(const std::string &what) {
  const Token &token = peek();
  const std::string near = token.type == TokenType::End ? "the end"
                           : token.text.empty()         ? "the end of the tag"
                                                        : "'" + token.text.substr(0, 40) + "'";
  fail(syntaxError(token.line, what + " before " + near));
}

void Parser::fail(Status status) {
  if (!failed())
    error_ = std::move(status);
  at_ = tokens_.size() - 1;
}

ExprPtr Parser::make(ExprKind kind, ExprPtr a, ExprPtr b) {
  auto node = std::make_unique<Expr>(Expr{.kind = kind, .line = peek().line});
  if (a)
    addOperand(*node, std::move(a));
  if (b)
    addOperand(*node, std::move(b));
  return node;
}

void Parser::addOperand(Expr &node, ExprPtr operand) {
  if (operand)
    node.depth = std::max(node.depth, operand->depth + 1);
  node.operands.push_back(std::move(operand));
  if (node.depth > kMaxTreeDepth)
    fail("an expression with more nesting than a chat template needs (150 levels)");
}

// ---- statements --------------------------------------------------------------------------------

/// Reads until one of `endTags`, whose name is taken; without end tags until the end of the
/// template.
Block Parser::parseBlock(std::initializer_list<std::string_view> endTags) {
  const DepthGuard guard(*this);
  Block block;
  while (!failed()) {
    const Token token = take();
    if (token.type == TokenType::End) {
      if (endTags.size() != 0)
        fail("expected {% " + std::string(*endTags.begin()) + " %}");
      break;
    }
    if (token.type == TokenType::Text) {
      block.push_back({.kind = StmtKind::Text, .line = token.line, .text = token.text});
    } else if (token.type == TokenType::VariableBegin) {
      block.push_back({.kind = StmtKind::Output, .line = token.line});
      block.back().exprs.push_back(parseTuple());
      if (!failed() && take().type != TokenType::VariableEnd)
        fail("expected }}");
    } else {
      for (const std::string_view tag : endTags)
        if (takeName(tag))
          return block;
      parseStatement(block);
    }
  }
  return block;
}

void Parser::parseStatement(Block &block) {
  if (peek().type != TokenType::Name) {
    fail("expected the name of a tag");
    return;
  }
  const std::string tag = take().text;
  if (tag == "if")
    return parseIf(block);
  if (tag == "for")
    return parseFor(block);
  if (tag == "set")
    return parseSet(block);
  if (tag == "macro")
    return parseMacro(block);
  if (tag == "call")
    return parseCallBlock(block);
  if (tag == "filter")
    return parseFilterBlock(block);
  if (tag == "with")
    return parseWith(block);
  if (tag == "break" || tag == "continue")
    return parseLoopControl(block, tag == "break" ? StmtKind::Break : StmtKind::Continue);
  if (tag == "generation") { // marks what the model wrote, for training; a scope of its own here
    expectBlockEnd();
    block.push_back({.kind = StmtKind::With, .line = peek().line});
    Block body = parseBlock({"endgeneration"});
    expectBlockEnd();
    block.back().blocks.push_back(std::move(body));
    return;
  }
  for (const char *other :
       {"include", "import", "from", "extends", "block", "do", "autoescape", "trans"})
    if (tag == other)
      return fail(
          Status(ErrorClass::Config, "template-unsupported",
                 format("chat template, line %u: the tag '%s' has no place in a chat template",
                        peek().line, other)));
  fail("unknown or misplaced tag '" + tag + "'");
}

void Parser::parseIf(Block &block) {
  Stmt node{.kind = StmtKind::If, .line = peek().line};
  std::string end = "elif";
  while (end == "elif" && !failed()) {
    node.exprs.push_back(parseTuple());
    expectBlockEnd();
    node.blocks.push_back(parseBlock({"endif", "elif", "else"}));
    end = at_ > 0 ? tokens_[at_ - 1].text : "";
  }
  if (end == "else" && !failed()) {
    expectBlockEnd();
    node.blocks.push_back(parseBlock({"endif"}));
  }
  expectBlockEnd();
  block.push_back(std::move(node));
}

void Parser::parseFor(Block &block) {
  Stmt node{.kind = StmtKind::For, .line = peek().line};
  node.targets.push_back(parseTarget(false));
  if (!takeName("in"))
    fail("expected 'in'");
  node.exprs.push_back(parseExpression(false));
  if (isOperator(",")) { // for x in 1, 2, 3
    ExprPtr tuple = make(ExprKind::Tuple, std::move(node.exprs[0]));
    while (takeOperator(",") && !failed())
      addOperand(*tuple, parseExpression(false));
    node.exprs[0] = std::move(tuple);
  }
  if (takeName("if"))
    node.exprs.push_back(parseExpression());
  if (isName("recursive"))
    fail(Status(ErrorClass::Config, "template-unsupported",
                format("chat template, line %u: recursive loops are not supported; use a macro",
                       peek().line)));
  expectBlockEnd();
  ++loopDepth_;
  node.blocks.push_back(parseBlock({"endfor", "else"}));
  --loopDepth_;
  if (!failed() && tokens_[at_ - 1].text == "else") {
    expectBlockEnd();
    node.blocks.push_back(parseBlock({"endfor"}));
  }
  expectBlockEnd();
  block.push_back(std::move(node));
}

Target Parser::parseTargetPart(bool allowMember) {
  if (takeOperator("(")) {
    Target inner = parseTarget(allowMember);
    expectOperator(")");
    return inner;
  }
  Target target{.name = expectName()};
  if (allowMember && takeOperator("."))
    target.member = expectName();
  return target;
}

Target Parser::parseTarget(bool allowMember) {
  const DepthGuard guard(*this);
  Target first = parseTargetPart(allowMember);
  if (!isOperator(","))
    return first;
  Target all;
  all.parts.push_back(std::move(first));
  while (takeOperator(",") && !failed())
    if (peek().type == TokenType::Name || isOperator("("))
      all.parts.push_back(parseTargetPart(allowMember));
  return all;
}

void Parser::parseSet(Block &block) {
  Stmt node{.kind = StmtKind::Set, .line = peek().line};
  node.targets.push_back(parseTarget(true));
  if (takeOperator("=")) {
    node.exprs.push_back(parseTuple());
    expectBlockEnd();
  } else {
    node.kind = StmtKind::SetBlock;
    if (isOperator("|"))
      node.exprs.push_back(parseFilters(make(ExprKind::Constant)));
    expectBlockEnd();
    node.blocks.push_back(parseBlock({"endset"}));
    expectBlockEnd();
  }
  block.push_back(std::move(node));
}

std::vector<MacroParameter> Parser::parseSignature() {
  std::vector<MacroParameter> parameters;
  expectOperator("(");
  while (!isOperator(")") && !failed()) {
    if (!parameters.empty())
      expectOperator(",");
    MacroParameter parameter{.name = expectName(), .standard = nullptr};
    if (takeOperator("="))
      parameter.standard = parseExpression();
    else if (!parameters.empty() && parameters.back().standard)
      fail("a parameter without default after one with a default");
    parameters.push_back(std::move(parameter));
  }
  expectOperator(")");
  return parameters;
}

void Parser::parseMacro(Block &block) {
  Stmt node{.kind = StmtKind::Macro, .line = peek().line};
  node.macro = std::make_unique<MacroDef>();
  node.macro->line = node.line;
  node.macro->name = expectName();
  node.macro->parameters = parseSignature();
  expectBlockEnd();
  const uint32_t outer = std::exchange(loopDepth_, 0);
  node.macro->body = parseBlock({"endmacro"});
  loopDepth_ = outer;
  if (peek().type == TokenType::Name)
    take(); // the name may be repeated
  expectBlockEnd();
  block.push_back(std::move(node));
}

void Parser::parseCallBlock(Block &block) {
  Stmt node{.kind = StmtKind::CallBlock, .line = peek().line};
  node.macro = std::make_unique<MacroDef>();
  node.macro->line = node.line;
  node.macro->name = "caller";
  if (isOperator("("))
    node.macro->parameters = parseSignature();
  node.exprs.push_back(parseExpression());
  if (!failed() && node.exprs[0]->kind != ExprKind::Call)
    fail("expected a call");
  expectBlockEnd();
  const uint32_t outer = std::exchange(loopDepth_, 0);
  node.macro->body = parseBlock({"endcall"});
  loopDepth_ = outer;
  expectBlockEnd();
  block.push_back(std::move(node));
}

void Parser::parseFilterBlock(Block &block) {
  Stmt node{.kind = StmtKind::FilterBlock, .line = peek().line};
  node.exprs.push_back(parseFilters(parseFilter(make(ExprKind::Constant))));
  expectBlockEnd();
  node.blocks.push_back(parseBlock({"endfilter"}));
  expectBlockEnd();
  block.push_back(std::move(node));
}

void Parser::parseWith(Block &block) {
  Stmt node{.kind = StmtKind::With, .line = peek().line};
  while (peek().type == TokenType::Name && !failed()) {
    node.targets.push_back(parseTargetPart(false));
    expectOperator("=");
    node.exprs.push_back(parseExpression());
    if (!takeOperator(","))
      break;
  }
  expectBlockEnd();
  node.blocks.push_back(parseBlock({"endwith"}));
  expectBlockEnd();
  block.push_back(std::move(node));
}

void Parser::parseLoopControl(Block &block, StmtKind kind) {
  if (loopDepth_ == 0)
    fail("break or continue outside of a loop");
  expectBlockEnd();
  block.push_back({.kind = kind, .line = peek().line});
}

} // namespace ingot::jinja
