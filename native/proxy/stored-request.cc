// See stored-request.h.
#include "proxy/stored-request.h"

namespace mesh {

void StoredFields::store(const FieldTable& fields) {
  text_.clear();
  lengths_.clear();
  kinds_.clear();
  for (const Field& field : fields) {
    text_.append(field.name).append(field.value);
    lengths_.push_back(static_cast<uint32_t>(field.name.size()));
    lengths_.push_back(static_cast<uint32_t>(field.value.size()));
    kinds_.push_back({field.id, field.neverIndexed});
  }
}

void StoredFields::load(FieldTable& fields) const {
  const std::string_view text = text_;
  size_t offset = 0;
  fields.count = kinds_.size();
  for (size_t index = 0; index < kinds_.size(); ++index) {
    const size_t name = lengths_[2 * index];
    const size_t value = lengths_[2 * index + 1];
    fields.items[index] = {.name = text.substr(offset, name),
                           .value = text.substr(offset + name, value),
                           .id = kinds_[index].id,
                           .neverIndexed = kinds_[index].neverIndexed};
    offset += name + value;
  }
}

void StoredRequest::store(const RequestHead& head) {
  method_ = head.method;
  form_ = head.form;
  majorVersion_ = head.majorVersion;
  minorVersion_ = head.minorVersion;
  text_.clear();
  size_t index = 0;
  for (const std::string_view text :
       {head.methodText, head.target, head.authority, head.path, head.scheme, head.protocol}) {
    text_.append(text);
    ends_[index++] = static_cast<uint32_t>(text_.size());
  }
  fields_.store(head.fields);
}

void StoredRequest::load(RequestHead& head) const {
  head.methodText = part(METHOD);
  head.method = method_;
  head.target = part(TARGET);
  head.form = form_;
  head.authority = part(AUTHORITY);
  head.path = part(PATH);
  head.majorVersion = majorVersion_;
  head.minorVersion = minorVersion_;
  head.scheme = part(SCHEME);
  head.protocol = part(PROTOCOL);
  fields_.load(head.fields);
}

std::string_view StoredRequest::part(Part part) const {
  const size_t begin = part == METHOD ? 0 : ends_[part - 1];
  return std::string_view(text_).substr(begin, ends_[part] - begin);
}

void StoredResponse::store(const ResponseHead& head) {
  status_ = head.status;
  minorVersion_ = head.minorVersion;
  reason_ = head.reason;
  fields_.store(head.fields);
}

void StoredResponse::load(ResponseHead& head) const {
  head.status = status_;
  head.minorVersion = minorVersion_;
  head.reason = reason_;
  fields_.load(head.fields);
}

}  // namespace mesh
