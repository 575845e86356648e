// AttachCapture in full; decode-command.cc reads the other commands.
#pragma once

#include "contract/problems.h"

namespace mesh::contract {

AttachCapture readAttachCapture(const Path& path, const pb::AttachCapture& message,
                                Problems& problems);

}  // namespace mesh::contract
