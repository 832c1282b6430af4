// Status and Result<T>: how every fallible function of Ingot reports a user, file or system
// mistake. Nothing in runtime/ throws across its API and nothing aborts on input: programmer
// mistakes assert.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ingot {

/// Classes of failure; the values are the process exit codes of sysexits.h.
enum class ErrorClass : int {
  Ok = 0,
  Usage = 64,       ///< wrong flags or arguments
  Data = 65,        ///< malformed or inconsistent input file
  NoInput = 66,     ///< an input file is missing or unreadable
  Unavailable = 69, ///< a needed device, library or CPU feature is missing
  Internal = 70,    ///< a broken invariant of Ingot itself: always a bug
  Os = 71,          ///< the system refused (memory, threads, mmap)
  CantCreate = 73,  ///< an output file cannot be created
  Io = 74,          ///< reading or writing failed half way (disk full)
  TempFail = 75,    ///< out of a resource now; may pass later (KV blocks, queue full)
  Config = 78,      ///< a model or option combination Ingot does not support
};

/// The outcome of an operation. `id` is a stable kebab-case identifier with static storage
/// ("artifact-truncated"); `message` says what, where, the numbers and the next step.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(ErrorClass errorClass, const char *id, std::string message)
      : errorClass_(errorClass), id_(id), message_(std::move(message)) {
    assert(errorClass != ErrorClass::Ok && "an error needs a class");
  }
  static Status ok() { return {}; }

  bool isOk() const { return errorClass_ == ErrorClass::Ok; }
  ErrorClass errorClass() const { return errorClass_; }
  int exitCode() const { return static_cast<int>(errorClass_); }
  std::string_view id() const { return id_; }
  const std::string &message() const { return message_; }
  /// "error[artifact-truncated]: message", the one form in which people see errors.
  std::string toString() const {
    return isOk() ? "ok" : "error[" + std::string(id_) + "]: " + message_;
  }
  /// Prefixes the message with where it happened: "FILE: ".
  Status at(std::string_view where) && {
    if (!isOk())
      message_ = std::string(where) + ": " + message_;
    return std::move(*this);
  }

private:
  ErrorClass errorClass_ = ErrorClass::Ok;
  const char *id_ = "ok";
  std::string message_;
};

/// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
public:
  Result(T item) : state_(std::in_place_index<0>, std::move(item)) {}
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {
    assert(!std::get<1>(state_).isOk() && "an error result needs an error");
  }

  bool isOk() const { return state_.index() == 0; }
  explicit operator bool() const { return isOk(); }
  Status status() const & { return isOk() ? Status() : std::get<1>(state_); }
  Status status() && { return isOk() ? Status() : std::move(std::get<1>(state_)); }

  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T &&operator*() && { return std::move(value()); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }
  T &value() & {
    assert(isOk() && "value of a failed result");
    return std::get<0>(state_);
  }
  const T &value() const & {
    assert(isOk() && "value of a failed result");
    return std::get<0>(state_);
  }

private:
  std::variant<T, Status> state_;
};

} // namespace ingot

/// Returns the Status of `expr` from the enclosing function when it is an error.
#define INGOT_TRY(expr)                                                                            \
  do {                                                                                             \
    if (::ingot::Status ingotTryStatus = (expr); !ingotTryStatus.isOk())                           \
      return ingotTryStatus;                                                                       \
  } while (false)

#define INGOT_CONCAT_(a, b) a##b
#define INGOT_CONCAT(a, b) INGOT_CONCAT_(a, b)
/// `INGOT_ASSIGN(auto x, f());` declares x from a Result or returns its Status.
#define INGOT_ASSIGN(decl, expr)                                                                   \
  auto INGOT_CONCAT(ingotResult, __LINE__) = (expr);                                               \
  if (!INGOT_CONCAT(ingotResult, __LINE__).isOk())                                                 \
    return std::move(INGOT_CONCAT(ingotResult, __LINE__)).status();                                \
  decl = *std::move(INGOT_CONCAT(ingotResult, __LINE__))
