// SlowDirectory: a user directory whose answers come when the test says so.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>

#include "auth/user_directory.h"

namespace uturn {

/// Knows its users at once and tells nobody: look_up() answers UserPending, answer_next() what was
/// asked first. The test carries the answer to whoever asked, as a shard would.
class SlowDirectory final : public UserDirectory {
 public:
  explicit SlowDirectory(std::string realm = "example.org") : realm_(std::move(realm)) {}

  void add_password(const std::string& username, const std::string& password) {
    users_.insert_or_assign(
        username,
        User{.username = username,
             .quota_id = username,
             .md5 = Key::derive(PasswordAlgorithm::md5, username, realm_, password),
             .sha256 = Key::derive(PasswordAlgorithm::sha256, username, realm_, password)});
  }
  void add(User user) {
    std::string name = user.username;
    users_.insert_or_assign(std::move(name), std::move(user));
  }
  void remove(const std::string& username) { users_.erase(username); }

  /// From now on every question is answered UserTryLater at once, until mended.
  void break_down() { is_broken_ = true; }
  void mend() { is_broken_ = false; }

  size_t questions() const { return questions_; }     ///< asked so far
  size_t waiting() const { return waiting_.size(); }  ///< asked and not answered

  struct Answer {
    DirectoryTicket ticket = 0;
    UserAnswer answer;
  };
  /// The oldest question's answer, by what the directory knows now.
  Answer answer_next() {
    CHECK(!waiting_.empty());
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    return {question.ticket, answer_to(question)};
  }
  /// The database gave up on the oldest question.
  Answer fail_next() {
    Answer failed = answer_next();
    failed.answer = UserTryLater{};
    return failed;
  }

  UserLookup look_up(const UserQuestion& question, DirectoryTicket ticket, Now) override {
    ++questions_;
    if (is_broken_) return UserTryLater{};
    waiting_.push_back(
        {ticket, std::string{question.username}, std::string{text_of(question.userhash)}});
    return UserPending{};
  }
  bool knows_sha256() const override {
    return std::ranges::all_of(users_,
                               [](const auto& user) { return user.second.sha256.has_value(); });
  }
  bool knows_userhash() const override { return true; }

 private:
  struct Question {
    DirectoryTicket ticket = 0;
    std::string username;
    std::string userhash;
  };

  UserAnswer answer_to(const Question& question) const {
    for (const auto& [name, user] : users_) {
      const bool is_meant = question.userhash.empty()
                                ? name == question.username
                                : equal(bytes_of(question.userhash), userhash(name, realm_));
      if (is_meant) return user;
    }
    return UserUnknown{};
  }

  std::string realm_;
  std::map<std::string, User> users_;
  std::deque<Question> waiting_;
  size_t questions_ = 0;
  bool is_broken_ = false;
};

}  // namespace uturn
