// A provided buffer ring (io_uring_register, IORING_REGISTER_PBUF_RING) and the memory behind it.
#include "io/uring_buffers.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>

namespace uturn {
namespace {

// Zeroed pages that are counted only when touched. Null where the process may have no more.
void* map_memory(size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

ProvidedBuffers::ProvidedBuffers(uint16_t group, uint32_t count, size_t payload_size)
    : group_(group),
      count_(std::bit_ceil(count)),
      payload_size_(payload_size),
      stride_(ReceiveLayout::kPayload + payload_size),
      memory_(static_cast<uint8_t*>(map_memory(count_ * stride_))),
      ring_(static_cast<io_uring_buf_ring*>(map_memory(count_ * sizeof(io_uring_buf)))) {
  CHECK(count > 0 && count_ <= 32'768);  // the kernel's longest ring
}

ProvidedBuffers::~ProvidedBuffers() {
  if (ring_) ::munmap(ring_, count_ * sizeof(io_uring_buf));
  if (memory_) ::munmap(memory_, count_ * stride_);
}

int ProvidedBuffers::register_with(io_uring& ring) {
  if (!memory_ || !ring_) return -ENOMEM;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(ring_);
  registration.ring_entries = count_;
  registration.bgid = group_;
  if (const int error = io_uring_register_buf_ring(&ring, &registration, 0); error < 0)
    return error;

  io_uring_buf_ring_init(ring_);
  for (uint32_t buffer = 0; buffer < count_; ++buffer) give_back(static_cast<uint16_t>(buffer));
  publish();
  return 0;
}

FilledBuffer ProvidedBuffers::read(uint16_t buffer) const {
  CHECK(buffer < count_);
  uint8_t* start = at(buffer);
  io_uring_recvmsg_out out;
  std::memcpy(&out, start, sizeof out);
  uint8_t* name = start + sizeof out;
  uint8_t* control = name + ReceiveLayout::kName;
  FilledBuffer filled;
  filled.name = {name, std::min<size_t>(out.namelen, ReceiveLayout::kName)};
  filled.control = {control, std::min<size_t>(out.controllen, ReceiveLayout::kControl)};
  filled.room = {start, ReceiveLayout::kPayload};
  filled.payload = {start + ReceiveLayout::kPayload,
                    std::min<size_t>(out.payloadlen, payload_size_)};
  filled.truncated = (out.flags & MSG_TRUNC) != 0 || out.payloadlen > payload_size_;
  filled.control_truncated = (out.flags & MSG_CTRUNC) != 0;
  return filled;
}

void ProvidedBuffers::give_back(uint16_t buffer) {
  io_uring_buf_ring_add(ring_, at(buffer), static_cast<unsigned>(stride_), buffer,
                        io_uring_buf_ring_mask(count_), given_back_++);
}

void ProvidedBuffers::publish() {
  if (given_back_ == 0) return;
  io_uring_buf_ring_advance(ring_, given_back_);
  given_back_ = 0;
}

}  // namespace uturn
