// The reason that a broken rule of HTTP/1 becomes, on either side: what is too large has one of its
// own, in heads and in trailers.
#pragma once

#include "base/reason.h"
#include "http1/violation.h"

namespace mesh {

constexpr bool isTooLarge(http1::Violation violation) {
  return violation == http1::Violation::HeadTooLarge ||
         violation == http1::Violation::TooManyFields;
}

constexpr Reason requestReasonOf(http1::Violation violation) {
  if (isTooLarge(violation)) return Reason::RequestHeadTooLarge;
  if (violation == http1::Violation::UnsupportedVersion) return Reason::UnsupportedVersion;
  return Reason::MalformedRequest;
}

constexpr Reason responseReasonOf(http1::Violation violation) {
  return isTooLarge(violation) ? Reason::ResponseHeadTooLarge : Reason::MalformedResponse;
}

}  // namespace mesh
