// Heads and trailers in memory of their own. What a parser hands out are views into buffers and
// scratch memory that all connections of a worker share; what has to wait is kept here.
#pragma once

#include <string>
#include <vector>

#include "http/head.h"

namespace mesh {

class StoredFields {
 public:
  void store(const FieldTable& fields);
  // Fills `fields` with views into this object.
  void load(FieldTable& fields) const;

 private:
  // Names and values in turn.
  std::string text_;
  std::vector<uint32_t> lengths_;
  struct Kind {
    FieldId id;
    bool neverIndexed;
  };
  std::vector<Kind> kinds_;
};

class StoredRequest {
 public:
  void store(const RequestHead& head);
  // Fills `head` with views into this object.
  void load(RequestHead& head) const;

  Method method() const { return method_; }
  std::string_view methodText() const { return part(METHOD); }
  std::string_view path() const { return part(PATH); }
  std::string_view authority() const { return part(AUTHORITY); }
  std::string_view protocol() const { return part(PROTOCOL); }
  uint8_t majorVersion() const { return majorVersion_; }

 private:
  enum Part : uint8_t { METHOD, TARGET, AUTHORITY, PATH, SCHEME, PROTOCOL, PARTS };
  std::string_view part(Part part) const;

  std::string text_;
  uint32_t ends_[PARTS] = {};
  StoredFields fields_;
  Method method_ = Method::Other;
  TargetForm form_ = TargetForm::Origin;
  uint8_t majorVersion_ = 1;
  uint8_t minorVersion_ = 1;
};

class StoredResponse {
 public:
  void store(const ResponseHead& head);
  // Fills `head` with views into this object.
  void load(ResponseHead& head) const;

 private:
  uint16_t status_ = 0;
  uint8_t minorVersion_ = 1;
  std::string reason_;
  StoredFields fields_;
};

}  // namespace mesh
