// What the kernels need of CUDA C, in plain C++: a block's threads are fibers that take turns, and whatever a warp or a
// block does together is a barrier. The emulation is stricter than a card: a collective that some lane has left, a barrier
// that is never reached by all, and shared memory that is read before it is written do not pass unnoticed.
#pragma once
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(threads)
// One block runs at a time; all of these lie together, so that they can be spoilt between blocks.
#define __shared__ static __attribute__((section("shared")))

struct uint3 { unsigned x, y, z; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(4) short2 { short x, y; };
struct alignas(2) char2 { signed char x, y; };
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return uint4{x, y, z, w}; }

inline int min(int a, int b) { return a < b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned long long min(unsigned long long a, unsigned long long b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline unsigned long long max(unsigned long long a, unsigned long long b) { return a > b ? a : b; }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
template <typename T>
inline T atomicAdd(T *at, T value) { T before = *at; *at += value; return before; }

// Of the running fiber.
extern uint3 threadIdx, blockIdx, blockDim, gridDim;

// Returns once every thread of the block, or every lane of the warp, has called it.
void __syncthreads();
void __syncwarp();

// What the lanes of a warp show each other: the words of lane `lane` of the calling thread's warp.
constexpr int SHOWN_WORDS = 6;
const unsigned *show_to_warp(const unsigned *words, int count);

template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int distance) {
	static_assert(sizeof(T) <= 8, "a shuffle moves at most 64 bits");
	if (mask != 0xffffffff) { fprintf(stderr, "emulation: shuffles are for whole warps\n"); abort(); }
	unsigned words[2] = {};
	memcpy(words, &value, sizeof(T));
	const unsigned *shown = show_to_warp(words, 2) + (threadIdx.x % 32 ^ distance) * SHOWN_WORDS;
	T other;
	memcpy(&other, shown, sizeof(T));
	return other;
}

inline int emulated_dp4a(unsigned a, unsigned b, int sum) {
	for (int byte = 0; byte < 4; ++byte)
		sum += (int)(signed char)(a >> 8 * byte) * (int)(signed char)(b >> 8 * byte);
	return sum;
}

// mma.sync.m16n8k32 of signed bytes, as the PTX ISA lays its fragments out:
//   A, 16 x 32: a lane's register r holds row lane / 4 + 8 (r % 2), columns 4 (lane % 4) + 16 (r / 2) to that + 3;
//   B, 32 x 8:  register r holds column lane / 4, rows 4 (lane % 4) + 16 r to that + 3;
//   C, 16 x 8:  register r holds row lane / 4 + 8 (r / 2), column 2 (lane % 4) + r % 2.
inline void emulated_mma(int (&c)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0, unsigned b1) {
	const unsigned words[6] = {a0, a1, a2, a3, b0, b1};
	const unsigned *shown = show_to_warp(words, 6);
	unsigned lane = threadIdx.x % 32;
	for (unsigned r = 0; r < 4; ++r) {
		unsigned row = lane / 4 + 8 * (r / 2), column = 2 * (lane % 4) + r % 2;
		for (unsigned k = 0; k < 32; k += 4) {
			unsigned holder_of_a = row % 8 * 4 + k % 16 / 4, holder_of_b = column * 4 + k % 16 / 4;
			unsigned a = shown[holder_of_a * SHOWN_WORDS + row / 8 + 2 * (k / 16)];
			unsigned b = shown[holder_of_b * SHOWN_WORDS + 4 + k / 16];
			c[r] = emulated_dp4a(a, b, c[r]);
		}
	}
}
