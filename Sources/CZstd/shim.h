// libzstd as Swift can import it; no logic lives here.
#pragma once
#include <zstd.h>
