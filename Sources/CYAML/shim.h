// libyaml as Swift can import it.
#pragma once
#include <yaml.h>
