// libnghttp2 as Swift can import it.
#pragma once
#include <nghttp2/nghttp2.h>
