// libnghttp2 as Swift can import it.
#pragma once
#include <nghttp2/nghttp2.h>

// From 1.57 on, and in older ones that distributions have mended, the library ends a connection for many
// RST_STREAM; others have neither the limit nor the function.
extern void nghttp2_option_set_stream_reset_rate_limit(nghttp2_option *option, uint64_t burst, uint64_t rate)
    __attribute__((weak));

static inline void shim_nghttp2_option_lift_reset_limit(nghttp2_option *option) {
  if (nghttp2_option_set_stream_reset_rate_limit)
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX / 2, UINT64_MAX / 2);
}
