// DatagramQueue: datagrams that wait for a socket that has no room.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "protocol/bytes.h"

namespace uturn {

class DatagramQueue {
 public:
  explicit DatagramQueue(size_t most) : most_(most) {}

  /// The pieces and `padding` zero bytes in a row, or nothing where there is no room: false.
  bool add(Bytes header, Bytes payload, size_t padding) {
    const size_t size = header.size() + payload.size() + padding;
    if (size > most_ - size_) return false;
    std::vector<uint8_t>& datagram = datagrams_.emplace_back();
    datagram.reserve(size);
    datagram.insert(datagram.end(), header.begin(), header.end());
    datagram.insert(datagram.end(), payload.begin(), payload.end());
    datagram.resize(size);
    size_ += size;
    return true;
  }

  bool empty() const { return datagrams_.empty(); }
  Bytes front() const { return datagrams_.empty() ? Bytes{} : Bytes{datagrams_.front()}; }
  void remove_front() {
    size_ -= datagrams_.front().size();
    datagrams_.pop_front();
  }

 private:
  size_t most_;
  size_t size_ = 0;  ///< of all of them
  std::deque<std::vector<uint8_t>> datagrams_;
};

}  // namespace uturn
