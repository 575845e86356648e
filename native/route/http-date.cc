// Dates of HTTP (RFC 9110 §5.6.7): the fixed form that everyone sends, and the two old ones that
// everyone must read. See classify.h.
#include <array>

#include "route/classify.h"

namespace mesh::route {
namespace {

struct Date {
  int year = 0;
  int month = 0;  // 1..12
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// Takes one thing after the other off the front of a text; once something is not there, nothing is.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool done() const { return ok_ && rest_.empty(); }

  void literal(std::string_view text) {
    ok_ = ok_ && rest_.starts_with(text);
    if (ok_) rest_.remove_prefix(text.size());
  }
  int number(size_t digits) {
    int value = 0;
    ok_ = ok_ && rest_.size() >= digits;
    for (size_t i = 0; ok_ && i < digits; ++i) {
      ok_ = rest_[i] >= '0' && rest_[i] <= '9';
      value = value * 10 + (rest_[i] - '0');
    }
    if (ok_) rest_.remove_prefix(digits);
    return value;
  }
  // From 1; the names are compared as they are written in the RFC.
  template <size_t N>
  int oneOf(const std::array<std::string_view, N>& names) {
    for (size_t i = 0; ok_ && i < N; ++i) {
      if (!rest_.starts_with(names[i])) continue;
      rest_.remove_prefix(names[i].size());
      return static_cast<int>(i) + 1;
    }
    ok_ = false;
    return 0;
  }
  bool next(char c) const { return ok_ && !rest_.empty() && rest_.front() == c; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

constexpr std::array<std::string_view, 7> SHORT_DAYS = {"Mon", "Tue", "Wed", "Thu",
                                                        "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> LONG_DAYS = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> MONTHS = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void readTime(Reader& in, Date& out) {
  out.hour = in.number(2);
  in.literal(":");
  out.minute = in.number(2);
  in.literal(":");
  out.second = in.number(2);
}

// Sun, 06 Nov 1994 08:49:37 GMT
bool readFixed(std::string_view text, Date& out) {
  Reader in(text);
  in.oneOf(SHORT_DAYS);
  in.literal(", ");
  out.day = in.number(2);
  in.literal(" ");
  out.month = in.oneOf(MONTHS);
  in.literal(" ");
  out.year = in.number(4);
  in.literal(" ");
  readTime(in, out);
  in.literal(" GMT");
  return in.done();
}

// Sunday, 06-Nov-94 08:49:37 GMT
bool readRfc850(std::string_view text, int thisYear, Date& out) {
  Reader in(text);
  in.oneOf(LONG_DAYS);
  in.literal(", ");
  out.day = in.number(2);
  in.literal("-");
  out.month = in.oneOf(MONTHS);
  in.literal("-");
  out.year = in.number(2) + thisYear / 100 * 100;
  // RFC 9110 §5.6.7: what seems more than 50 years ahead is of the century before.
  if (out.year > thisYear + 50) out.year -= 100;
  in.literal(" ");
  readTime(in, out);
  in.literal(" GMT");
  return in.done();
}

// Sun Nov  6 08:49:37 1994
bool readAsctime(std::string_view text, Date& out) {
  Reader in(text);
  in.oneOf(SHORT_DAYS);
  in.literal(" ");
  out.month = in.oneOf(MONTHS);
  in.literal(" ");
  if (in.next(' ')) {
    in.literal(" ");
    out.day = in.number(1);
  } else {
    out.day = in.number(2);
  }
  in.literal(" ");
  readTime(in, out);
  in.literal(" ");
  out.year = in.number(4);
  return in.done();
}

bool isLeap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int daysIn(int year, int month) {
  constexpr std::array<int, 12> DAYS = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && isLeap(year) ? 29 : DAYS[static_cast<size_t>(month - 1)];
}

// From 1970-01-01, of the proleptic Gregorian calendar; year >= 1.
int64_t daysBefore(int year) {
  const int64_t past = year - 1;
  constexpr int64_t BEFORE_1970 = 719'162;
  return past * 365 + past / 4 - past / 100 + past / 400 - BEFORE_1970;
}

int yearOf(uint64_t nowUnixMs) {
  constexpr uint64_t MS_PER_DAY = 86'400'000;
  const auto days = static_cast<int64_t>(nowUnixMs / MS_PER_DAY);
  int year = 1970 + static_cast<int>(days / 366);
  while (daysBefore(year + 1) <= days) ++year;
  return year;
}

}  // namespace

std::optional<int64_t> parseHttpDate(std::string_view text, uint64_t nowUnixMs) {
  Date date;
  if (!readFixed(text, date) && !readAsctime(text, date) &&
      !readRfc850(text, yearOf(nowUnixMs), date)) {
    return std::nullopt;
  }
  if (date.year < 1 || date.day < 1 || date.day > daysIn(date.year, date.month)) {
    return std::nullopt;
  }
  // 60: a leap second.
  if (date.hour > 23 || date.minute > 59 || date.second > 60) return std::nullopt;
  int64_t days = daysBefore(date.year) + date.day - 1;
  for (int month = 1; month < date.month; ++month) days += daysIn(date.year, month);
  return ((days * 24 + date.hour) * 60 + date.minute) * 60 + date.second;
}

}  // namespace mesh::route
