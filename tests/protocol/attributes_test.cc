// Attribute values: each format read, written and refused.
#include "protocol/attributes.h"

#include <gtest/gtest.h>

#include "protocol/message_builder.h"
#include "tests/protocol/hex.h"

namespace uturn {
namespace {

using Type = AttributeType;

const TransactionId kId{{0xB7, 0xE7, 0xA7, 0x01, 0xBC, 0x34, 0xD6, 0x86, 0xFA, 0x87, 0xDF, 0xAE}};

/// A message with whatever `write` adds, and the value of the attribute `type` in it as hex.
template <class Write>
std::string written(Type type, Write write) {
  std::array<uint8_t, 2048> buffer;
  MessageBuilder builder(buffer, Method::allocate, MessageClass::request, kId);
  write(builder);
  const auto message = MessageView::parse(builder.finish());
  EXPECT_TRUE(message);
  return message && message->has(type) ? to_hex(*message->value(type)) : "absent";
}

TEST(XorAddress, HidesAnIpv4AddressBehindTheCookie) {
  const auto value = from_hex("0001 a147 e112a643");
  EXPECT_EQ(decode_xor_address(value, kId)->to_string(), "192.0.2.1:32853");
  const auto address = *TransportAddress::parse("192.0.2.1:32853");
  EXPECT_EQ(written(Type::xor_mapped_address,
                    [&](auto& b) { b.add_xor_address(Type::xor_mapped_address, address); }),
            to_hex(value));
}

TEST(XorAddress, HidesAnIpv6AddressBehindCookieAndTransaction) {
  const auto value = from_hex("0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9");
  const std::string text = "[2001:db8:1234:5678:11:2233:4455:6677]:32853";
  EXPECT_EQ(decode_xor_address(value, kId)->to_string(), text);
  EXPECT_NE(decode_xor_address(value, TransactionId{})->to_string(), text);
  EXPECT_EQ(written(Type::xor_peer_address,
                    [&](auto& b) {
                      b.add_xor_address(Type::xor_peer_address, *TransportAddress::parse(text));
                    }),
            to_hex(value));
}

TEST(Address, IsPlain) {
  const auto value = from_hex("0001 0d96 c0000201");
  EXPECT_EQ(decode_address(value)->to_string(), "192.0.2.1:3478");
  EXPECT_EQ(written(Type::alternate_server,
                    [](auto& b) {
                      b.add_address(Type::alternate_server,
                                    *TransportAddress::parse("192.0.2.1:3478"));
                    }),
            to_hex(value));
}

TEST(Address, TheFirstByteIsIgnoredOnReceipt) {
  EXPECT_EQ(decode_address(from_hex("ff01 0d96 c0000201"))->to_string(), "192.0.2.1:3478");
}

TEST(Address, TheFamilyDecidesTheLength) {
  for (const std::string_view hex :
       {"", "00", "0001", "00010d96", "0001 0d96 c00002", "0001 0d96 c000020100",
        "0002 0d96 c0000201", "0001 0d96 20010db8000000000000000000000001",
        "0002 0d96 20010db80000000000000000000001", "0002 0d96 20010db800000000000000000000000001",
        "0000 0d96 c0000201", "0003 0d96 c0000201", "0100 0d96 c0000201"}) {
    EXPECT_FALSE(decode_address(from_hex(hex))) << hex;
    EXPECT_FALSE(decode_xor_address(from_hex(hex), kId)) << hex;
  }
}

TEST(Lifetime, IsSecondsIn32Bits) {
  EXPECT_EQ(decode_u32(from_hex("00000258")), 600u);
  EXPECT_EQ(decode_u32(from_hex("ffffffff")), 0xFFFFFFFFu);
  EXPECT_EQ(written(Type::lifetime, [](auto& b) { b.add_u32(Type::lifetime, 600); }), "00000258");
  EXPECT_FALSE(decode_u32(from_hex("000258")));
  EXPECT_FALSE(decode_u32(from_hex("0000025800")));
  EXPECT_FALSE(decode_u32({}));
}

TEST(RequestedAddressFamily, IsOneByteAndThreeThatDoNotCount) {
  EXPECT_EQ(decode_family(from_hex("01000000")), AddressFamily::ipv4);
  EXPECT_EQ(decode_family(from_hex("02ffffff")), AddressFamily::ipv6);
  EXPECT_EQ(
      written(Type::requested_address_family,
              [](auto& b) { b.add_family(Type::requested_address_family, AddressFamily::ipv6); }),
      "02000000");
  for (const std::string_view hex : {"", "02", "020000", "0200000000", "00000000", "03000000"})
    EXPECT_FALSE(decode_family(from_hex(hex))) << hex;
}

TEST(RequestedTransport, IsAProtocolNumber) {
  EXPECT_EQ(decode_requested_transport(from_hex("11000000")), 17);
  EXPECT_EQ(decode_requested_transport(from_hex("06abcdef")), 6);
  EXPECT_EQ(written(Type::requested_transport, [](auto& b) { b.add_requested_transport(17); }),
            "11000000");
  EXPECT_FALSE(decode_requested_transport(from_hex("11")));
  EXPECT_FALSE(decode_requested_transport(from_hex("1100000000")));
}

TEST(EvenPort, IsOneBit) {
  EXPECT_EQ(decode_even_port(from_hex("80")), true);
  EXPECT_EQ(decode_even_port(from_hex("7f")), false);
  EXPECT_EQ(written(Type::even_port, [](auto& b) { b.add_even_port(true); }), "80");
  EXPECT_EQ(written(Type::even_port, [](auto& b) { b.add_even_port(false); }), "00");
  EXPECT_FALSE(decode_even_port({}));
  EXPECT_FALSE(decode_even_port(from_hex("8000")));
}

TEST(ChannelNumberAttribute, IsTwoBytesAndTwoReserved) {
  EXPECT_EQ(decode_channel_number(from_hex("4001ffff")), 0x4001);
  EXPECT_EQ(written(Type::channel_number, [](auto& b) { b.add_channel_number(0x4001); }),
            "40010000");
  EXPECT_FALSE(decode_channel_number(from_hex("4001")));
  EXPECT_FALSE(decode_channel_number(from_hex("4001000000")));
}

TEST(ReservationToken, IsEightBytes) {
  EXPECT_EQ(decode_reservation_token(from_hex("0123456789abcdef")), 0x0123456789ABCDEFu);
  EXPECT_EQ(written(Type::reservation_token,
                    [](auto& b) { b.add_u64(Type::reservation_token, 0x0123456789ABCDEF); }),
            "0123456789abcdef");
  EXPECT_FALSE(decode_reservation_token(from_hex("0123456789abcd")));
  EXPECT_FALSE(decode_reservation_token(from_hex("0123456789abcdef00")));
}

TEST(DontFragment, HasNoValue) {
  EXPECT_EQ(written(Type::dont_fragment, [](auto& b) { b.add_flag(Type::dont_fragment); }), "");
}

TEST(ChangeRequestAttribute, HasTwoFlags) {
  const auto both = decode_change_request(from_hex("00000006"));
  EXPECT_TRUE(both->change_ip && both->change_port);
  const auto ip = decode_change_request(from_hex("fffffffc"));
  EXPECT_TRUE(ip->change_ip && !ip->change_port);
  EXPECT_EQ(
      written(Type::change_request, [](auto& b) { b.add_change_request({.change_ip = true}); }),
      "00000004");
  EXPECT_EQ(
      written(Type::change_request, [](auto& b) { b.add_change_request({.change_port = true}); }),
      "00000002");
  EXPECT_FALSE(decode_change_request(from_hex("0006")));
}

TEST(ResponsePort, IsAPortAndTwoBytesOfPadding) {
  EXPECT_EQ(decode_response_port(from_hex("1388ffff")), 5000);
  EXPECT_EQ(written(Type::response_port, [](auto& b) { b.add_response_port(5000); }), "13880000");
  EXPECT_FALSE(decode_response_port(from_hex("1388")));
}

TEST(ErrorCodeAttribute, IsClassNumberAndReason) {
  const auto value = from_hex("00000426");
  EXPECT_EQ(decode_error_code(value)->code, 438);
  EXPECT_EQ(decode_error_code(value)->reason, "");
  EXPECT_EQ(written(Type::error_code, [](auto& b) { b.add_error(ErrorCode::stale_nonce); }),
            to_hex(value));
  EXPECT_EQ(written(Type::error_code,
                    [](auto& b) {
                      b.add_error(ErrorCode::stale_nonce, reason_of(ErrorCode::stale_nonce));
                    }),
            "00000426" + to_hex(bytes_of("Stale Nonce")));
}

TEST(ErrorCodeAttribute, ReservedBitsAreIgnored) {
  EXPECT_EQ(decode_error_code(from_hex("fffffc14"))->code, 420);
}

TEST(ErrorCodeAttribute, ClassIsThreeToSixAndNumberBelowAHundred) {
  for (const std::string_view hex :
       {"", "000004", "00000200", "00000700", "00000000", "00000464", "000004ff"})
    EXPECT_FALSE(decode_error_code(from_hex(hex))) << hex;
  EXPECT_EQ(decode_error_code(from_hex("00000300"))->code, 300);
  EXPECT_EQ(decode_error_code(from_hex("00000663"))->code, 699);
}

TEST(ErrorCodeAttribute, TheReasonHas763BytesAtTheMost) {
  auto value = from_hex("00000401");
  value.resize(4 + 763, 'x');
  EXPECT_EQ(decode_error_code(value)->reason.size(), 763u);
  value.push_back('x');
  EXPECT_FALSE(decode_error_code(value));
}

TEST(AddressErrorCode, NamesTheFamilyThatFailed) {
  const auto value = from_hex("0200 0428");
  const auto error = decode_address_error_code(value);
  EXPECT_EQ(error->family, AddressFamily::ipv6);
  EXPECT_EQ(error->code, 440);
  EXPECT_EQ(written(Type::address_error_code,
                    [](auto& b) {
                      b.add_address_error(AddressFamily::ipv6,
                                          ErrorCode::address_family_not_supported);
                    }),
            to_hex(value));
  // Class in the low three bits of the third byte; what stands before them is reserved.
  const auto insufficient = from_hex("01fffd08 7878");
  EXPECT_EQ(decode_address_error_code(insufficient)->code, 508);
  EXPECT_EQ(decode_address_error_code(insufficient)->reason, "xx");
}

TEST(AddressErrorCode, RefusesOtherFamiliesAndClasses) {
  for (const std::string_view hex : {"", "020004", "00000428", "03000428", "02000728", "02000464"})
    EXPECT_FALSE(decode_address_error_code(from_hex(hex))) << hex;
}

TEST(Icmp, IsTypeCodeAndData) {
  const auto value = from_hex("0000 03 04 000005dc");
  const IcmpValue too_big{.type = 3, .code = 4, .error_data = 1500};
  EXPECT_EQ(decode_icmp(value), too_big);
  EXPECT_EQ(decode_icmp(from_hex("ffff 03 04 000005dc")), too_big);
  EXPECT_EQ(written(Type::icmp, [&](auto& b) { b.add_icmp(too_big); }), to_hex(value));
  EXPECT_FALSE(decode_icmp(from_hex("00000304")));
  EXPECT_FALSE(decode_icmp(from_hex("00000304000005dc00")));
}

TEST(PasswordAlgorithmAttribute, IsANumberWithParameters) {
  EXPECT_EQ(decode_password_algorithm(from_hex("00020000"))->algorithm, 2);
  EXPECT_EQ(to_hex(decode_password_algorithm(from_hex("7fff0002 aabb"))->parameters), "aabb");
  EXPECT_EQ(to_hex(decode_password_algorithm(from_hex("7fff0002 aabbffff"))->parameters), "aabb");
  EXPECT_EQ(written(Type::password_algorithm, [](auto& b) { b.add_password_algorithm(2); }),
            "00020000");
  for (const std::string_view hex : {"", "0002", "000200", "00020001", "0002000000020000"})
    EXPECT_FALSE(decode_password_algorithm(from_hex(hex))) << hex;
}

TEST(PasswordAlgorithmsAttribute, IsAList) {
  const auto two = decode_password_algorithms(from_hex("00020000 00010000"));
  ASSERT_EQ(two->size, 2u);
  EXPECT_EQ(two->list[0].algorithm, 2);
  EXPECT_EQ(two->list[1].algorithm, 1);
  const auto value = from_hex("7fff0001 aa000000 00010000");
  const auto padded = decode_password_algorithms(value);
  ASSERT_EQ(padded->size, 2u);
  EXPECT_EQ(to_hex(padded->list[0].parameters), "aa");
  EXPECT_EQ(padded->list[1].algorithm, 1);
  EXPECT_EQ(written(Type::password_algorithms,
                    [](auto& b) { b.add_password_algorithms(std::array<uint16_t, 2>{2, 1}); }),
            "0002000000010000");
}

TEST(PasswordAlgorithmsAttribute, ABrokenListIsNone) {
  for (const std::string_view hex : {"", "0002", "00020000 0001", "00020004 aabbcc"})
    EXPECT_FALSE(decode_password_algorithms(from_hex(hex))) << hex;
}

TEST(PasswordAlgorithmsAttribute, ALongListIsReadAndItsTailLeftOut) {
  std::string hex;
  for (int i = 0; i < 100; ++i) hex += "00010000";
  EXPECT_EQ(decode_password_algorithms(from_hex(hex))->size, PasswordAlgorithmsValue::kMax);
}

TEST(TransactionTransmitCounter, CountsRequestsAndResponses) {
  const auto counter = decode_transmit_counter(from_hex("ffff0302"));
  EXPECT_EQ(counter->request, 3);
  EXPECT_EQ(counter->response, 2);
  EXPECT_EQ(written(Type::transaction_transmit_counter,
                    [](auto& b) { b.add_transmit_counter({.request = 3, .response = 2}); }),
            "00000302");
  EXPECT_FALSE(decode_transmit_counter(from_hex("0302")));
}

}  // namespace
}  // namespace uturn
