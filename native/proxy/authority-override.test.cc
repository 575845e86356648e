// What is left of the authority that a client wrote, in heads to be written and in written ones.
#include "proxy/authority-override.h"

#include <doctest/doctest.h>

#include <string>

#include "route/testing.h"

using namespace mesh;

TEST_CASE("the authority of a head is replaced wherever it stands") {
  struct Row {
    TargetForm form;
    uint8_t majorVersion;
    std::string target;
    std::string becomes;
  };
  const Row rows[] = {
      {TargetForm::Origin, 1, "/a?b", "/a?b"},
      {TargetForm::Asterisk, 1, "*", "*"},
      {TargetForm::Authority, 1, "old:80", "new:81"},
      {TargetForm::Absolute, 1, "http://old:80/a?b", "http://new:81/a?b"},
      {TargetForm::Absolute, 1, "http://old", "http://new:81"},
      {TargetForm::Absolute, 1, "http://old?b=/", "http://new:81?b=/"},
      {TargetForm::Origin, 2, "/a", "/a"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    const auto head = route::request("GET", "old:80", row.target,
                                     {{"x-a", "1"},
                                      {"Host", "old:80"},
                                      {"L5D-Dst-Canonical", "c"},
                                      {"x-b", "2"},
                                      {"host", "again"}});
    head->form = row.form;
    head->majorVersion = row.majorVersion;
    head->target = row.target;
    std::string storage;
    overrideAuthority(*head, "new:81", storage);
    CHECK(head->authority == "new:81");
    CHECK(head->target == row.becomes);
    CHECK(route::written(head->fields) == "x-a: 1|x-b: 2");
  }
}

TEST_CASE("a written head keeps everything but its authority") {
  struct Row {
    std::string before;
    std::string after;
  };
  const std::string fields = "x-a: 1\r\nHost: old\r\nl5d-dst-canonical: c\r\nHost-Name: x\r\n\r\n";
  const std::string kept = "Host: new:81\r\nx-a: 1\r\nHost-Name: x\r\n\r\n";
  const Row rows[] = {
      {"GET /a?u=http://x/ HTTP/1.1\r\n", "GET /a?u=http://x/ HTTP/1.1\r\n"},
      {"OPTIONS * HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n"},
      {"GET http://old/a HTTP/1.1\r\n", "GET http://new:81/a HTTP/1.1\r\n"},
      {"CONNECT old:80 HTTP/1.1\r\n", "CONNECT new:81 HTTP/1.1\r\n"},
  };
  for (const Row& row : rows) {
    CHECK(withAuthority(row.before + fields, "new:81") == row.after + kept);
  }
  CHECK(withAuthority("GET / HTTP/1.1\r\n\r\n", "n") == "GET / HTTP/1.1\r\nHost: n\r\n\r\n");
}
