// Brotli's encoder as Swift can import it; no logic lives here.
#pragma once
#include <malloc.h>
#include <brotli/encode.h>
