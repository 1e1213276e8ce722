// What the HTTP servers of these tests answer.
#pragma once

#include <new>
#include <string>
#include <vector>

#include "server/http/http_server.h"

namespace uturn {

inline const TransportAddress kLoopback = *TransportAddress::parse("127.0.0.1:0");

inline std::vector<HttpRoute> test_routes() {
  return {
      {"GET", "/hello", [](const HttpRequest&) { return HttpResponse{200, "hi\n", "text/plain"}; }},
      {"GET", "/query",
       [](const HttpRequest& request) {
         return HttpResponse{200, std::string(request.parameter("user").value_or("nobody"))};
       }},
      {"POST", "/echo", [](const HttpRequest& request) { return HttpResponse{201, request.body}; }},
      {"GET", "/large",
       [](const HttpRequest&) { return HttpResponse{200, std::string(32U << 20, 'x')}; }},
      {"GET", "/throws", [](const HttpRequest&) -> HttpResponse { throw std::bad_alloc(); }},
      {"GET", "/who",
       [](const HttpRequest& request) {
         return HttpResponse{200, request.peer ? std::to_string(request.peer->process)
                                               : request.client.ip.to_string()};
       }},
      {"GET", "/links",
       [](const HttpRequest&) {
         return HttpResponse{200, "", "text/plain", {{"Link", "<a>"}, {"Link", "<b>"}}};
       }},
  };
}

}  // namespace uturn
