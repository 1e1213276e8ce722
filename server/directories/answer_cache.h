// AnswerCache: what a source of users has said lately, for so long and for so many names.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "auth/user_directory.h"

namespace uturn {

/// Least recently used goes first. Users and names of nobody are bounded apart: whoever makes up
/// names pushes no user out. Not for several threads.
class AnswerCache {
 public:
  using UserKey = std::pair<std::string, std::string>;  ///< realm and name

  explicit AnswerCache(size_t limit) : users_(limit), unknown_(limit) {}

  struct Known {
    std::optional<User> user;  ///< nothing: nobody by that name
    Instant fresh_until;
    Instant kept_until;  ///< of use only while the source is gone
  };
  const Known* find(const UserKey& key) {
    if (const Known* user = users_.find(key)) return user;
    return unknown_.find(key);
  }
  void put(const UserKey& key, Known known) {
    remove(key);
    (known.user ? users_ : unknown_).put(key, std::move(known));
  }
  void remove(const UserKey& key) {
    users_.remove(key);
    unknown_.remove(key);
  }
  size_t size() const { return users_.size() + unknown_.size(); }

 private:
  class Table {
   public:
    explicit Table(size_t limit) : limit_(limit) {}
    const Known* find(const UserKey& key) {
      const auto found = entries_.find(key);
      if (found == entries_.end()) return nullptr;
      order_.splice(order_.begin(), order_, found->second.place);
      return &found->second.known;
    }
    void put(const UserKey& key, Known known) {
      if (limit_ == 0) return;
      if (entries_.size() >= limit_) {
        entries_.erase(order_.back());
        order_.pop_back();
      }
      const auto added = entries_.try_emplace(key, Entry{std::move(known), {}}).first;
      order_.push_front(added->first);
      added->second.place = order_.begin();
    }
    void remove(const UserKey& key) {
      const auto found = entries_.find(key);
      if (found == entries_.end()) return;
      order_.erase(found->second.place);
      entries_.erase(found);
    }
    size_t size() const { return entries_.size(); }

   private:
    struct Entry {
      Known known;
      std::list<UserKey>::iterator place;
    };
    size_t limit_;
    std::map<UserKey, Entry> entries_;  ///< ordered: no client can choose names that are slow
    std::list<UserKey> order_;          ///< the latest used in front
  };

  Table users_;
  Table unknown_;
};

}  // namespace uturn
