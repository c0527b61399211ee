// Brotli's decoder, which only tests use.
#pragma once
#include <brotli/decode.h>
