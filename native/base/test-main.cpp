// The main function of the unit tests; tests stand beside the sources, in *.test.cc.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
