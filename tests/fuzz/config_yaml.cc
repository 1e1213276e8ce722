// Fuzz target: text as a configuration file; what was read without a problem can be printed and
// read again.
#include "server/config_yaml.h"

#include "server/config_print.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Nothing outside the input is looked at: no environment, no files.
  const uturn::ValueSources sources{
      [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
      [](const std::string&) -> uturn::Result<std::string, std::string> {
        return uturn::Failure{std::string("no files")};
      }};
  uturn::Config config;
  uturn::ConfigReader reader(config, sources);
  uturn::read_config_yaml({reinterpret_cast<const char*>(data), size}, "fuzz.yaml", reader);
  for (const uturn::ConfigProblem& problem : reader.problems()) (void)problem.to_string();
  if (!reader.problems().empty()) return 0;

  config.auth.users.clear();  // masked secrets do not come back
  config.auth.secrets.clear();
  config.auth.oauth.keys.clear();
  config.credentials.keys.clear();
  const std::string printed = uturn::print_config(config);
  uturn::Config again;
  uturn::ConfigReader second(again, sources);
  uturn::read_config_yaml(printed, "printed.yaml", second);
  CHECK(second.problems().empty());
  CHECK(uturn::print_config(again) == printed);
  return 0;
}
