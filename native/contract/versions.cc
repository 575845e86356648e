// See versions.h.
#include "contract/versions.h"

#include "contract-hash.h"
#include "contract.pb.h"

namespace mesh::contract {

std::string_view contractHash() { return SLUICE_CONTRACT_HASH; }

std::string protobufVersion() {
  return google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
}

}  // namespace mesh::contract
