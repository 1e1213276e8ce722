// Reads YAML text by yaml-cpp's events, so that nothing is built before its bounds were checked.
#include "server/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <sstream>
#include <unordered_map>

namespace uturn {
namespace {

/// Thrown by the events to stop the parser; caught in parse_yaml().
struct Refusal {
  YamlError error;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  Setting take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(mark, leaf(mark, Setting::Kind::nothing, {}));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not used in a configuration");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (!stack_.empty() && stack_.back().node.kind == Setting::Kind::map && !stack_.back().key) {
      start_entry(mark, value);
      return;
    }
    add(mark, leaf(mark, Setting::Kind::text, value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, Setting::Kind::list);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, Setting::Kind::map);
  }
  void OnMapEnd() override { end(); }

 private:
  /// A list or map whose end has not come yet.
  struct Open {
    Setting node;
    YAML::Mark mark;
    std::optional<std::string> key;              // a map's key that waits for its value
    std::unordered_map<std::string, int> lines;  // of a map's keys
  };

  static int line_of(const YAML::Mark& mark) { return mark.line + 1; }

  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string sentence) {
    throw Refusal{{line_of(mark), std::move(sentence)}};
  }
  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse(mark, "anchors (&name) are not used in a configuration");
  }
  // yaml-cpp says "?" of a plain and "!" of a quoted text.
  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, "tags (!name) are not used in a configuration");
    }
  }

  static Setting leaf(const YAML::Mark& mark, Setting::Kind kind, const std::string& text) {
    Setting setting;
    setting.kind = kind;
    setting.line = line_of(mark);
    setting.text = text;
    return setting;
  }

  void count_node(const YAML::Mark& mark) {
    if (++nodes_ > kMaxYamlNodes) refuse(mark, "more than 100000 values");
  }

  void start_entry(const YAML::Mark& mark, const std::string& key) {
    count_node(mark);
    Open& map = stack_.back();
    const auto [known, is_new] = map.lines.emplace(key, line_of(mark));
    if (!is_new) {
      refuse(mark, path_to(key) + ": given twice, first on line " + std::to_string(known->second));
    }
    map.key = key;
  }

  void start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             Setting::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (stack_.size() >= kMaxYamlDepth) refuse(mark, "nested deeper than 8 levels");
    refuse_as_key(mark);
    stack_.push_back({leaf(mark, kind, {}), mark, std::nullopt, {}});
  }

  void end() {
    Setting node = std::move(stack_.back().node);
    const YAML::Mark mark = stack_.back().mark;
    stack_.pop_back();
    add(mark, std::move(node));
  }

  void add(const YAML::Mark& mark, Setting node) {
    count_node(mark);
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    refuse_as_key(mark);
    Open& parent = stack_.back();
    if (parent.node.kind == Setting::Kind::list) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    node.line = parent.lines.at(*parent.key);  // a value may start on a later line than its key
    parent.node.entries.push_back({std::move(*parent.key), std::move(node)});
    parent.key.reset();
  }

  // yaml-cpp also takes a list or map that never ends for the beginning of a key.
  void refuse_as_key(const YAML::Mark& mark) {
    if (stack_.empty() || stack_.back().node.kind != Setting::Kind::map) return;
    if (!stack_.back().key) refuse(mark, "a key must be a text, or a bracket is not closed");
  }

  std::string path_to(const std::string& key) const {
    std::string path;
    for (const Open& open : stack_) {
      if (open.key) path += *open.key + ".";
    }
    return path + key;
  }

  std::vector<Open> stack_;
  Setting root_;
  size_t nodes_ = 0;
};

}  // namespace

Result<Setting, YamlError> parse_yaml(std::string_view text) {
  if (text.size() > kMaxYamlBytes) return Failure{YamlError{0, "longer than 1 MiB"}};
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    Setting root;
    if (parser.HandleNextDocument(builder)) {
      root = builder.take_root();
      TreeBuilder second;
      if (parser.HandleNextDocument(second)) {
        return Failure{YamlError{0, "holds more than one YAML document"}};
      }
    }
    if (root.kind == Setting::Kind::nothing) root.kind = Setting::Kind::map;
    return root;
  } catch (Refusal& refusal) {
    return Failure{std::move(refusal.error)};
  } catch (const YAML::Exception& e) {
    return Failure{YamlError{e.mark.line + 1, "not YAML: " + e.msg}};
  } catch (const std::exception& e) {
    return Failure{YamlError{0, std::string("cannot be read: ") + e.what()}};
  }
}

}  // namespace uturn
