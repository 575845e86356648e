// The names of violations: part of the reasons that operators see, so they never change.
#include "http1/violation.h"

namespace mesh::http1 {

std::string_view violationName(Violation violation) {
  switch (violation) {
    case Violation::None:
      return "none";
    case Violation::BadStartLine:
      return "bad_start_line";
    case Violation::BadMethod:
      return "bad_method";
    case Violation::BadTarget:
      return "bad_target";
    case Violation::BadVersion:
      return "bad_version";
    case Violation::UnsupportedVersion:
      return "unsupported_version";
    case Violation::BadStatus:
      return "bad_status";
    case Violation::BadFieldName:
      return "bad_field_name";
    case Violation::BadFieldValue:
      return "bad_field_value";
    case Violation::ObsoleteFolding:
      return "obsolete_folding";
    case Violation::BareCarriageReturn:
      return "bare_carriage_return";
    case Violation::BareLineFeed:
      return "bare_line_feed";
    case Violation::HeadTooLarge:
      return "head_too_large";
    case Violation::TooManyFields:
      return "too_many_fields";
    case Violation::MissingHost:
      return "missing_host";
    case Violation::DuplicateHost:
      return "duplicate_host";
    case Violation::BadHost:
      return "bad_host";
    case Violation::HostMismatch:
      return "host_mismatch";
    case Violation::BadContentLength:
      return "bad_content_length";
    case Violation::BadTransferEncoding:
      return "bad_transfer_encoding";
    case Violation::LengthAndEncoding:
      return "length_and_encoding";
    case Violation::EncodingInHttp10:
      return "encoding_in_http10";
    case Violation::BadChunkSize:
      return "bad_chunk_size";
    case Violation::BadChunkExtension:
      return "bad_chunk_extension";
    case Violation::BadChunkEnd:
      return "bad_chunk_end";
    case Violation::BadTrailer:
      return "bad_trailer";
    case Violation::BadExpectation:
      return "bad_expectation";
    case Violation::ForbiddenBody:
      return "forbidden_body";
  }
  return "none";
}

}  // namespace mesh::http1
