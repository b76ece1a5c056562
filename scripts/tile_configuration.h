/* Included before every C++ file that gcc compiles for the engine (scripts/engine_wheel.py).

   Until 11.5, 12.4, 13.3 and 14, gcc's own _tile_loadconfig tells the compiler of 8 bytes of the
   64-byte tile configuration. llama.cpp fills in all of them, gcc drops the stores to the others,
   and the first AMX instruction dies with SIGILL (gcc PR 114098). This one tells it of all 64. */
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
/* gcc's header lets itself be included by immintrin.h alone; reading all of that takes longer. */
#define _IMMINTRIN_H_INCLUDED
#include <amxtileintrin.h>
#undef _IMMINTRIN_H_INCLUDED
static inline void load_whole_tile_configuration(const void *configuration) {
    __asm__ volatile("ldtilecfg\t%X0" : : "m"(*(const char (*)[64])configuration));
}
#define _tile_loadconfig load_whole_tile_configuration
#endif
