// Tokens to a tree, following the grammar of Jinja 3.
#pragma once

#include "runtime/base/Status.h"
#include "runtime/text/jinja/Ast.h"
#include "runtime/text/jinja/Lexer.h"

#include <initializer_list>
#include <string_view>
#include <vector>

namespace ingot::jinja {

/// Recursive descent. The first error stops everything: after it the current token is End, so that
/// all loops finish, and every function returns something empty.
class Parser {
public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  /// Ids: "template-syntax", "template-unsupported" (tags that chat templates cannot use).
  Result<Block> parse();

private:
  // Parser.cpp: statements.
  Block parseBlock(std::initializer_list<std::string_view> endTags);
  void parseStatement(Block &block);
  void parseIf(Block &block);
  void parseFor(Block &block);
  void parseSet(Block &block);
  void parseMacro(Block &block);
  void parseCallBlock(Block &block);
  void parseFilterBlock(Block &block);
  void parseWith(Block &block);
  void parseLoopControl(Block &block, StmtKind kind);
  std::vector<MacroParameter> parseSignature();
  Target parseTarget(bool allowMember);
  Target parseTargetPart(bool allowMember);

  // ParserExpressions.cpp
  ExprPtr parseExpression(bool allowConditional = true);
  ExprPtr parseTuple();
  ExprPtr parseConditional();
  ExprPtr parseOr();
  ExprPtr parseAnd();
  ExprPtr parseNot();
  ExprPtr parseCompare();
  bool takeComparison(std::string &name);
  ExprPtr parseSum();
  ExprPtr parseConcat();
  ExprPtr parseProduct();
  ExprPtr parsePower();
  ExprPtr parseUnary(bool withFilter = true);
  ExprPtr parsePrimary();
  ExprPtr parseBracketed(char close, ExprKind kind);
  ExprPtr parseDict();
  ExprPtr parsePostfix(ExprPtr node);
  ExprPtr parseSubscript(ExprPtr node);
  ExprPtr parseFilters(ExprPtr node);
  ExprPtr parseFilter(ExprPtr node);
  ExprPtr parseTest(ExprPtr node);
  void parseArguments(Expr &call);

  // The token stream.
  const Token &peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token take();
  bool isOperator(std::string_view op, size_t ahead = 0) const;
  bool isName(std::string_view name, size_t ahead = 0) const;
  bool takeOperator(std::string_view op);
  bool takeName(std::string_view name);
  void expectOperator(std::string_view op);
  std::string expectName();
  void expectBlockEnd();
  void fail(const std::string &what);
  void fail(Status status);
  bool failed() const { return !error_.isOk(); }

  ExprPtr make(ExprKind kind, ExprPtr a = nullptr, ExprPtr b = nullptr);
  /// Appends and keeps `depth` right; fails when the tree gets too deep.
  void addOperand(Expr &node, ExprPtr operand);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t depth_ = 0;     ///< of nested statements and expressions
  uint32_t loopDepth_ = 0; ///< for break and continue
  Status error_;

  friend class DepthGuard;
};

/// Counts one level of nesting while it lives.
class DepthGuard {
public:
  explicit DepthGuard(Parser &parser) : parser_(parser) {
    if (++parser_.depth_ > kMaxTreeDepth)
      parser_.fail("more nesting than a chat template needs (150 levels)");
  }
  ~DepthGuard() { --parser_.depth_; }
  DepthGuard(const DepthGuard &) = delete;
  DepthGuard &operator=(const DepthGuard &) = delete;

private:
  Parser &parser_;
};

} // namespace ingot::jinja
