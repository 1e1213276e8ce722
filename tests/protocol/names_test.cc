// Methods, classes, attribute types and error codes: numbers, names, kinds.
#include <gtest/gtest.h>

#include "protocol/attribute_type.h"
#include "protocol/error_code.h"
#include "protocol/method.h"

namespace uturn {
namespace {

struct OnTheWire {
  uint16_t type;
  Method method;
  MessageClass message_class;
};

// The first 16 bits of each message (RFC 8489, Figure 3; RFC 8656, Section 17).
constexpr OnTheWire kOnTheWire[] = {
    {0x0001, Method::binding, MessageClass::request},
    {0x0011, Method::binding, MessageClass::indication},
    {0x0101, Method::binding, MessageClass::success},
    {0x0111, Method::binding, MessageClass::error},
    {0x0003, Method::allocate, MessageClass::request},
    {0x0103, Method::allocate, MessageClass::success},
    {0x0113, Method::allocate, MessageClass::error},
    {0x0004, Method::refresh, MessageClass::request},
    {0x0016, Method::send, MessageClass::indication},
    {0x0017, Method::data, MessageClass::indication},
    {0x0108, Method::create_permission, MessageClass::success},
    {0x0119, Method::channel_bind, MessageClass::error},
    {0x000A, Method::connect, MessageClass::request},
    {0x010B, Method::connection_bind, MessageClass::success},
    {0x001C, Method::connection_attempt, MessageClass::indication},
};

TEST(MessageType, InterleavesMethodAndClass) {
  for (const OnTheWire& wire : kOnTheWire) {
    EXPECT_EQ(message_type(wire.method, wire.message_class), wire.type);
    EXPECT_EQ(method_of(wire.type), wire.method);
    EXPECT_EQ(class_of(wire.type), wire.message_class);
  }
}

TEST(MessageType, IsTheSameAfterTakingItApart) {
  for (uint32_t type = 0; type <= 0x3FFF; ++type) {
    const auto wire = static_cast<uint16_t>(type);
    ASSERT_EQ(message_type(method_of(wire), class_of(wire)), wire);
  }
}

TEST(Names, AreTheRegistrys) {
  EXPECT_EQ(name_of(Method::create_permission), "CreatePermission");
  EXPECT_EQ(name_of(Method::connection_attempt), "ConnectionAttempt");
  EXPECT_EQ(name_of(static_cast<Method>(0x080)), "unknown");
  EXPECT_EQ(name_of(AttributeType::xor_peer_address), "XOR-PEER-ADDRESS");
  EXPECT_EQ(name_of(AttributeType::message_integrity_sha256), "MESSAGE-INTEGRITY-SHA256");
  EXPECT_EQ(name_of(AttributeType::transaction_transmit_counter), "TRANSACTION_TRANSMIT_COUNTER");
  EXPECT_EQ(name_of(static_cast<AttributeType>(0x7777)), "unknown");
  EXPECT_EQ(reason_of(ErrorCode::address_family_not_supported), "Address Family not Supported");
  EXPECT_EQ(reason_of(ErrorCode::allocation_quota_reached), "Allocation Quota Reached");
  EXPECT_EQ(reason_of(static_cast<ErrorCode>(699)), "");
}

TEST(AttributeType, TheUpperHalfIsOptional) {
  EXPECT_TRUE(is_comprehension_required(AttributeType::connection_id));
  EXPECT_TRUE(is_comprehension_required(static_cast<AttributeType>(0x7FFF)));
  EXPECT_FALSE(is_comprehension_required(static_cast<AttributeType>(0x8000)));
  EXPECT_FALSE(is_comprehension_required(AttributeType::mobility_ticket));
}

}  // namespace
}  // namespace uturn
