// Failure text: why a request failed, in words for people.
#pragma once

#include <string>

#include "client/failure.h"

namespace uturn {

/// Why, and what to do about it, without jargon.
std::string explain(const RequestFailure& failure);

}  // namespace uturn
