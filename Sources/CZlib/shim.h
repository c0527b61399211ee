// zlib as Swift can import it: macros that take arguments become functions named shim_<macro>,
// one line each; no logic lives here.
#pragma once
#include <zlib.h>

static inline int shim_deflateInit2(z_stream *s, int level, int method, int window_bits, int mem_level, int strategy) { return deflateInit2(s, level, method, window_bits, mem_level, strategy); }
static inline int shim_inflateInit2(z_stream *s, int window_bits) { return inflateInit2(s, window_bits); }
