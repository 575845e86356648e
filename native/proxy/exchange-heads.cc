// What an exchange changes in heads on their way: the authority that an endpoint is asked under, and
// what two proxies of the mesh tell each other of HTTP/1 (reference §3.9); see exchange.h.
#include "proxy/authority-override.h"
#include "proxy/exchange.h"

namespace mesh {

using contract::EndpointProtocol;

void Exchange::prepareHead(RequestHead& head) {
  // What an application says here the mesh has not said.
  head.fields.remove(FieldId::L5dOrigProto);
  rewrittenAuthority_ = route_.target->authorityOf(endpoint_->endpoint());
  if (!rewrittenAuthority_.empty()) {
    overrideAuthority(head, rewrittenAuthority_, rewrittenTarget_);
  } else if (head.authority.empty()) {
    // HTTP/1.0, or an empty Host.
    const std::string& logical = route_.target->settings().authority;
    const SocketAddress& original = client_.original();
    if (original.valid()) {
      rewrittenAuthority_ = original.toString();
    } else {
      rewrittenAuthority_ = logical.empty() ? endpoint_->endpoint().toString() : logical;
    }
    head.authority = rewrittenAuthority_;
  }
  if (origProto_.known) {
    head.majorVersion = 1;
    head.minorVersion = origProto_.minorVersion;
    if (origProto_.absoluteForm && head.form == TargetForm::Origin) {
      rewrittenTarget_.assign(head.scheme).append("://").append(head.authority).append(head.path);
      head.form = TargetForm::Absolute;
      head.target = rewrittenTarget_;
    }
  }
  const EndpointProtocol spoken = route_.target->settings().endpointProtocol;
  toldOrigProto_ =
      !http1_ && isHttp1() &&
      (spoken == EndpointProtocol::Http2OrigProto || spoken == EndpointProtocol::AsClient);
  if (toldOrigProto_) {
    // Is said by :authority, and leaves its place.
    head.fields.remove(FieldId::Host);
    head.fields.add("l5d-orig-proto",
                    origProtoText(head.minorVersion, head.form == TargetForm::Absolute),
                    FieldId::L5dOrigProto);
  }
}

// In memory of the worker, where it may be changed.
ResponseHead& Exchange::changeable(const ResponseHead& given) {
  ResponseHead& head = worker_.responseHead();
  if (&head == &given) return head;
  head.status = given.status;
  head.reason = given.reason;
  head.minorVersion = given.minorVersion;
  head.fields.count = 0;
  for (const Field& field : given.fields) head.fields.items[head.fields.count++] = field;
  return head;
}

const ResponseHead& Exchange::rewriteHead(const ResponseHead& given, bool tells) {
  ResponseHead& head = changeable(given);
  const OrigProto was = readOrigProto(head.fields);
  if (was.known) head.minorVersion = was.minorVersion;
  head.fields.remove(FieldId::L5dOrigProto);
  // Without room for it the response is taken to be of the request's version.
  if (tells) {
    head.fields.add("l5d-orig-proto", origProtoText(head.minorVersion, false),
                    FieldId::L5dOrigProto);
  }
  return head;
}

}  // namespace mesh
