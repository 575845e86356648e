// readTextSnapshot (contract/commands.h). Here and not in contract/, because text needs the full
// protobuf runtime, which the add-on does not link.
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <optional>
#include <string>

#include "contract.pb.h"
#include "contract/commands.h"

namespace mesh::contract {
namespace {

namespace pb = ::sluice::contract;
using google::protobuf::TextFormat;

// Keeps the first error; what follows one is often its consequence.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  // Lines and columns come counted from 0; -1 when there is no place.
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text_.empty()) {
      text_ = std::to_string(line + 1) + ":" + std::to_string(column + 1) + ": " + message;
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// `index` is -1 for a field that is not repeated.
TextSnapshot::Place placeOf(const TextFormat::ParseInfoTree& places, const char* field, int index) {
  const auto* descriptor = pb::Snapshot::descriptor()->FindFieldByName(field);
  TextFormat::ParseLocation place = places.GetLocation(descriptor, index);
  return {place.line + 1, place.column + 1};
}

}  // namespace

Result<TextSnapshot, CommandError> readTextSnapshot(const std::string& text) {
  pb::Snapshot message;
  FirstError error;
  TextFormat::ParseInfoTree places;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&places);
  if (!parser.ParseFromString(text, &message)) return CommandError{"", error.text(), 0};
  if (!message.has_settings()) return CommandError{"settings", "1:1: settings are required", 0};
  TextSnapshot snapshot;
  snapshot.settings = {message.settings().SerializeAsString(), placeOf(places, "settings", -1)};
  for (int i = 0; i < message.commands_size(); ++i) {
    snapshot.commands.push_back(
        {message.commands(i).SerializeAsString(), placeOf(places, "commands", i)});
  }
  return snapshot;
}

}  // namespace mesh::contract
